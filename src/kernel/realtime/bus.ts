import type { Log } from '../telemetry/log.ts';

/** Messages between the processes of one installation. What a process publishes does not come back to it. */
export interface Bus {
  /** Whether other processes hear what is published here. */
  readonly shared: boolean;
  /** Sends a JSON value to every other process. Never throws; what cannot be sent is logged. */
  publish(topic: string, message: unknown): void;
  /** Gives the function that stops listening. */
  subscribe(topic: string, handler: (message: unknown) => void): () => void;
  close(): Promise<void>;
}

/** Handlers by topic; one that fails is logged and does not keep the others from running. */
export function createTopics(log: Pick<Log, 'error'>) {
  const topics = new Map<string, Set<(message: unknown) => void>>();
  return {
    subscribe(topic: string, handler: (message: unknown) => void): () => void {
      const handlers = topics.get(topic) ?? new Set();
      topics.set(topic, handlers.add(handler));
      return () => {
        handlers.delete(handler);
        if (handlers.size === 0) topics.delete(topic);
      };
    },
    deliver(topic: string, message: unknown): void {
      for (const handler of topics.get(topic) ?? []) {
        try {
          handler(message);
        } catch (error) {
          log.error({ err: error, topic }, 'a handler of a message from another process failed');
        }
      }
    },
  };
}

/** The bus of a process that is alone: nobody else listens. */
export function createLocalBus(log: Pick<Log, 'error'>): Bus {
  const { subscribe } = createTopics(log);
  return { shared: false, publish: () => {}, subscribe, close: async () => {} };
}
