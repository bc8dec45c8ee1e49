import type { Client, ClientConfig } from 'pg';
import { atMost } from '../redis.ts';
import type { Log } from '../telemetry/log.ts';
import type { Link, LinkEvents } from './shared-bus.ts';

interface PostgresLinkDeps {
  client: ClientConfig;
  /** Keeps installations apart that share a database. */
  scope: string;
  log: Log;
}

/** The server takes less than 8000 bytes in one notification. */
const PART_SIZE = 7_800;
const PARTS_PER_QUERY = 100;
const QUERY_MS = 10_000;
const START_MS = 5_000;
const HEARD_MS = 5_000;
const BACKOFF_MS = [100, 250, 500, 1_000, 2_000, 5_000];
/** Unfinished texts of other processes kept at most; more means that parts were lost. */
const MAX_UNFINISHED = 256;

/** Carries messages by PostgreSQL LISTEN/NOTIFY on a connection of its own; long ones in parts. */
export function openPostgresLink(deps: PostgresLinkDeps, { id, onText, onUp }: LinkEvents): Link {
  const { log } = deps;
  const channelOf = (to: string | null): string => `loggia_${deps.scope}_${to ?? 'all'}`;
  const assemble = createAssembler(onText);
  let client: Client | null = null;
  let closed = false;
  let failures = 0;
  let numbered = 0;
  let retry: NodeJS.Timeout | undefined;

  async function connect(): Promise<void> {
    const { default: pg } = await import('pg');
    const next = new pg.Client({ ...deps.client, keepAlive: true, query_timeout: QUERY_MS });
    let over = false;
    const lost = (error?: unknown): void => {
      if (over) return;
      over = true;
      if (client === next) client = null;
      next.end().catch(() => {});
      if (closed) return;
      if (failures === 0) log.warn({ err: error }, 'the connection for messages between processes is lost');
      const delay = BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)];
      failures += 1;
      retry = setTimeout(() => void connect(), delay);
    };
    next.on('error', lost);
    next.on('end', () => lost());
    next.on('notification', ({ payload }) => assemble(payload ?? ''));
    try {
      await next.connect();
      await next.query(`LISTEN "${channelOf(null)}"; LISTEN "${channelOf(id)}"`);
      await selfTest(next);
    } catch (error) {
      return lost(error);
    }
    if (over) return;
    client = next;
    failures = 0;
    onUp();
  }

  /** A pooler that hands the connection to somebody else after each transaction swallows notifications. */
  async function selfTest(next: Client): Promise<void> {
    const token = `test:${id}:${performance.now()}`;
    const heard = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), HEARD_MS);
      next.on('notification', ({ payload }) => {
        if (payload !== token) return;
        clearTimeout(timer);
        resolve(true);
      });
    });
    await next.query('SELECT pg_notify($1, $2)', [channelOf(id), token]);
    void heard.then((yes) => {
      if (!yes && !closed) {
        log.error(
          'PostgreSQL does not deliver notifications (a pooler in transaction mode?): processes do not hear each other',
        );
      }
    });
  }

  const started = connect();
  return {
    started: atMost(started, START_MS),
    async send(to, text) {
      if (!client) throw new Error('The connection for messages between processes is down.');
      numbered += 1;
      const parts = splitText(`${id}.${numbered}`, text);
      for (let at = 0; at < parts.length; at += PARTS_PER_QUERY) {
        const some = parts.slice(at, at + PARTS_PER_QUERY);
        const calls = some.map((_, index) => `pg_notify($1, $${index + 2})`).join(', ');
        await client.query(`SELECT ${calls}`, [channelOf(to), ...some]);
      }
    },
    async close() {
      closed = true;
      clearTimeout(retry);
      await started.catch(() => {});
      await client?.end().catch(() => {});
    },
  };
}

/** `<key>/<index>/<count> <part>`; ASCII only, so that characters are bytes. */
function splitText(key: string, text: string): string[] {
  const ascii = text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const count = Math.ceil(ascii.length / PART_SIZE);
  return Array.from({ length: count }, (_, index) => {
    return `${key}/${index}/${count} ${ascii.slice(index * PART_SIZE, (index + 1) * PART_SIZE)}`;
  });
}

/** Puts texts together that come in parts; the parts of one text come in order, those of several may mix. */
function createAssembler(onText: (text: string) => void): (payload: string) => void {
  const unfinished = new Map<string, string[]>();
  return (payload) => {
    const head = /^([\w.]+)\/(\d+)\/(\d+) /.exec(payload);
    if (!head) return;
    const [whole, key = '', index, count] = head;
    const part = payload.slice(whole.length);
    if (count === '1') return onText(part);
    const parts = unfinished.get(key) ?? [];
    if (parts.length !== Number(index)) return void unfinished.delete(key);
    parts.push(part);
    if (parts.length === Number(count)) {
      unfinished.delete(key);
      onText(parts.join(''));
      return;
    }
    unfinished.set(key, parts);
    if (unfinished.size > MAX_UNFINISHED) {
      for (const oldest of unfinished.keys()) {
        unfinished.delete(oldest);
        break;
      }
    }
  };
}
