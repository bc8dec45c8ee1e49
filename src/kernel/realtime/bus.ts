import { randomBytes } from 'node:crypto';
import type { Log } from '../telemetry/log.ts';

/** `from`: id of the process that sent the message. */
export type BusHandler = (message: unknown, from: string) => void;

/** Messages between the processes of one installation. What a process publishes does not come back to it. */
export interface Bus {
  /** Of this process. */
  readonly id: string;
  /** Whether other processes hear what is published here. */
  readonly shared: boolean;
  /** Sends a JSON value to every other process. Never throws; what cannot be sent is logged. */
  publish(topic: string, message: unknown): void;
  /** The same, to one process. */
  send(to: string, topic: string, message: unknown): void;
  /** Gives the function that stops listening. */
  subscribe(topic: string, handler: BusHandler): () => void;
  /** Told when messages of others may have been missed: what is remembered because of them should be dropped. */
  onGap(listener: () => void): () => void;
  close(): Promise<void>;
}

export function newProcessId(): string {
  return randomBytes(8).toString('hex');
}

/** Handlers by topic; one that fails is logged and does not keep the others from running. */
export function createTopics(log: Pick<Log, 'error'>) {
  const topics = new Map<string, Set<BusHandler>>();
  const gaps = new Set<() => void>();
  const guard = (topic: string, run: () => void): void => {
    try {
      run();
    } catch (error) {
      log.error({ err: error, topic }, 'a handler of a message from another process failed');
    }
  };
  return {
    subscribe(topic: string, handler: BusHandler): () => void {
      const handlers = topics.get(topic) ?? new Set();
      topics.set(topic, handlers.add(handler));
      return () => {
        handlers.delete(handler);
        if (handlers.size === 0) topics.delete(topic);
      };
    },
    onGap(listener: () => void): () => void {
      gaps.add(listener);
      return () => gaps.delete(listener);
    },
    deliver(topic: string, message: unknown, from: string): void {
      for (const handler of topics.get(topic) ?? []) guard(topic, () => handler(message, from));
    },
    missed(): void {
      for (const listener of gaps) guard('gap', listener);
    },
  };
}

/** The bus of a process that is alone: nobody else listens. */
export function createLocalBus(log: Pick<Log, 'error'>): Bus {
  const { subscribe, onGap } = createTopics(log);
  return {
    id: newProcessId(),
    shared: false,
    publish: () => {},
    send: () => {},
    subscribe,
    onGap,
    close: async () => {},
  };
}
