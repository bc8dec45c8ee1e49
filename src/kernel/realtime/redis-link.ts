import { atMost, connected, type RedisClient, START_MS } from '../redis.ts';
import type { Log } from '../telemetry/log.ts';
import type { Link, LinkEvents } from './shared-bus.ts';

interface RedisLinkDeps {
  /** Makes a client; it connects, and connects again, on its own. */
  connect(): RedisClient;
  keyPrefix: string;
  log: Log;
}

/** Carries messages by Redis publish/subscribe: one channel for all, one for each process. */
export function openRedisLink({ connect, keyPrefix, log }: RedisLinkDeps, { id, onText, onUp }: LinkEvents): Link {
  const channelOf = (to: string | null): string => `${keyPrefix}:loggia:bus:${to ?? 'all'}`;
  const publisher = connect();
  const subscriber = connect();
  let up = (): void => {};
  const subscribed = new Promise<void>((resolve) => {
    up = resolve;
  });

  subscriber.on('ready', () => {
    subscriber.subscribe(channelOf(null), channelOf(id)).then(
      () => {
        up();
        onUp();
      },
      // The connection has gone again; the next `ready` tries anew.
      (error: unknown) => log.warn({ err: error }, 'could not listen to other processes in Redis'),
    );
  });
  subscriber.on('message', (_channel: string, text: string) => onText(text));

  return {
    started: Promise.all([connected(publisher), atMost(subscribed, START_MS)]).then(() => {}),
    async send(to, text) {
      await publisher.publish(channelOf(to), text);
    },
    async close() {
      publisher.disconnect();
      subscriber.disconnect();
    },
  };
}
