import type { Log } from '../telemetry/log.ts';
import { type Bus, createTopics, newProcessId, type PublishOptions } from './bus.ts';
import { createSettling } from './settling.ts';

/** Carries texts between processes. */
export interface Link {
  /** Resolves when it is up, or takes too long; it goes on trying then. */
  started: Promise<void>;
  /** To one process, or to all (null). Resolves when the text is on its way; rejects when it is lost. */
  send(to: string | null, text: string): Promise<void>;
  close(): Promise<void>;
}

export interface LinkEvents {
  /** Of this process. */
  id: string;
  onText(text: string): void;
  /** The link hears now; before, it did not. */
  onUp(): void;
}

interface Outgoing {
  to: string | null;
  /** `["topic",message]` */
  items: string[];
  size: number;
}

/** Characters sent in one go, and waiting at most; what does not fit any more is given up as a whole. */
const BATCH_SIZE = 512 * 1024;
const MAX_WAITING = 64 * 1024 * 1024;
const WARN_EVERY_MS = 60_000;
const GAP = 'bus:gap';

/** A bus over a link. Messages that come while others are being sent go together. */
export async function createSharedBus(log: Log, open: (events: LinkEvents) => Link): Promise<Bus> {
  const id = newProcessId();
  const topics = createTopics(log);
  const outbox = createOutbox({
    send: (to, items) => link.send(to, `[${JSON.stringify(id)},${items.join(',')}]`),
    log,
  });
  const publish = (topic: string, message: unknown, { awaited = false }: PublishOptions = {}): void => {
    outbox.add(null, `[${JSON.stringify(topic)},${JSON.stringify(message ?? null)}]`);
    if (awaited) settling.note();
  };
  const send = (to: string, topic: string, message: unknown): void =>
    outbox.add(to, `[${JSON.stringify(topic)},${JSON.stringify(message ?? null)}]`);
  const settling = createSettling({ bus: { publish, send, subscribe: topics.subscribe }, handled: topics.handled });
  const link = open({
    id,
    onText(text) {
      const [from, ...items] = JSON.parse(text) as [string, ...[string, unknown][]];
      if (from === id) return;
      settling.heard(from);
      for (const [topic, message] of items) {
        if (topic === GAP) topics.missed();
        else topics.deliver(topic, message, from);
      }
    },
    onUp() {
      topics.missed();
    },
  });

  await link.started;
  return {
    id,
    shared: true,
    publish,
    settled: settling.settled,
    send,
    subscribe: topics.subscribe,
    onGap: topics.onGap,
    async close() {
      settling.close();
      await outbox.settled();
      await link.close();
    },
  };
}

interface OutboxDeps {
  send(to: string | null, items: readonly string[]): Promise<void>;
  log: Log;
}

function createOutbox({ send, log }: OutboxDeps) {
  let waiting: Outgoing[] = [];
  let size = 0;
  let lost = false;
  let quietUntil = 0;
  let running: Promise<void> | null = null;

  function lose(error: unknown): void {
    lost = true;
    if (performance.now() < quietUntil) return;
    quietUntil = performance.now() + WARN_EVERY_MS;
    log.warn({ err: error }, 'messages to other processes are lost');
  }
  function add(to: string | null, item: string): void {
    if (size + item.length > MAX_WAITING) {
      waiting = [];
      size = 0;
      lose(new Error('Too many messages wait for being sent.'));
    }
    const last = waiting.at(-1);
    if (last && last.to === to && last.size + item.length <= BATCH_SIZE) {
      last.items.push(item);
      last.size += item.length;
    } else {
      waiting.push({ to, items: [item], size: item.length });
    }
    size += item.length;
    running ??= run();
  }
  async function run(): Promise<void> {
    // What is published in the same turn goes along.
    await null;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      size = 0;
      const results = await Promise.allSettled(batch.map(({ to, items }) => send(to, items)));
      const failed = results.find((one) => one.status === 'rejected');
      if (failed) lose(failed.reason);
      else if (lost) {
        lost = false;
        add(null, JSON.stringify([GAP, null]));
      }
    }
    running = null;
  }
  return { add, settled: async () => running ?? undefined };
}
