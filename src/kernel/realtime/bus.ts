import { randomBytes } from 'node:crypto';
import type { Log } from '../telemetry/log.ts';

/** `from`: id of the process that sent the message. What is promised counts as part of dealing with it. */
export type BusHandler = (message: unknown, from: string) => void | Promise<void>;

export interface PublishOptions {
  /** Whoever caused it waits (`settled`) until the others have dealt with it: rights that end, above all. */
  awaited?: boolean;
}

/** Messages between the processes of one installation. What a process publishes does not come back to it. */
export interface Bus {
  /** Of this process. */
  readonly id: string;
  /** Whether other processes hear what is published here. */
  readonly shared: boolean;
  /** Sends a JSON value to every other process. Never throws; what cannot be sent is logged. */
  publish(topic: string, message: unknown, options?: PublishOptions): void;
  /**
   * Resolves when every other process has dealt with what was published as `awaited` until now; one that does not answer is
   * not waited for long. Null when there is nothing to wait for.
   */
  settled(): Promise<void> | null;
  /** To one process. */
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
  const running = new Set<Promise<void>>();
  const guard = (topic: string, run: () => void | Promise<void>): void => {
    const failed = (error: unknown): void =>
      log.error({ err: error, topic }, 'a handler of a message from another process failed');
    try {
      const result = run();
      if (!result) return;
      const promised = result.catch(failed).finally(() => running.delete(promised));
      running.add(promised);
    } catch (error) {
      failed(error);
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
    /** Resolves when the handlers called until now are done. */
    async handled(): Promise<void> {
      await Promise.all(running);
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
    settled: () => null,
    send: () => {},
    subscribe,
    onGap,
    close: async () => {},
  };
}
