import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { createCache } from '../../../kernel/cache.ts';
import type { Database } from '../../../kernel/database/index.ts';
import { HttpError } from '../../../kernel/http/errors.ts';
import { type Bus, memoryAge } from '../../../kernel/realtime/index.ts';
import { nowSeconds } from '../../../kernel/time.ts';
import { slices } from '../account-store.ts';
import { createActivity } from '../activity.ts';
import { readScopes } from './scopes.ts';
import {
  countKeys,
  deleteKey,
  insertKey,
  type KeyRow,
  keyByHash,
  keyOf,
  keysOf,
  updateKey,
  writeUse,
} from './store.ts';

/** Every such key begins so: it is told from the account's one plain key, and found where it does not belong. */
export const NAMED_PREFIX = 'sk-loggia-';

/** A key as a request needs it. */
export interface KnownKey {
  id: string;
  userId: string;
  scopes: ReadonlySet<string> | null;
  expiresAt: number | null;
}

export interface KeyForm {
  name: string;
  /** Null: all that the account may do. */
  scopes: readonly string[] | null;
  /** Seconds; null: never. */
  expires_at: number | null;
}

/** API keys with a name: several for an account, stored as hashes. */
export interface NamedKeys {
  /** The key, unless it is unknown or has expired. */
  find(key: string): Promise<KnownKey | null>;
  /** Written with others, at most once a minute for a key. */
  noteUse(id: string): void;
  list(userId: string): Promise<KeyRow[]>;
  /** Gives the key itself, this once. Throws 400 for a form that makes no sense. */
  create(userId: string, form: KeyForm): Promise<{ row: KeyRow; key: string }>;
  /** Absent members stay; null where the account has no such key. */
  update(userId: string, id: string, form: Partial<KeyForm>): Promise<KeyRow | null>;
  /** False where the account has no such key. */
  remove(userId: string, id: string): Promise<boolean>;
  /** Drops what is remembered of any key, here and in other processes. */
  invalidate(): void;
  close(): Promise<void>;
}

interface NamedKeyDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  bus: Pick<Bus, 'publish' | 'subscribe' | 'onGap' | 'shared'>;
  onError: (error: unknown) => void;
}

const TOPIC = 'accounts:named-key';
const KEYS_KEPT = 10_000;
/** Seconds between two notes of one key's use. */
const USE_INTERVAL = 60;
const MAX_KEYS = 100;
const MAX_NAME = 100;

export function createNamedKeys({ database, bus, onError }: NamedKeyDeps): NamedKeys {
  const { db } = database;
  const known = createCache<KnownKey | null>({
    maxEntries: KEYS_KEPT,
    maxAgeMs: memoryAge(bus, db),
    load: async (hash) => {
      const row = await keyByHash(db, hash);
      return (
        row && {
          id: row.id,
          userId: row.user_id,
          scopes: row.scopes && new Set(row.scopes),
          expiresAt: row.expires_at,
        }
      );
    },
  });
  const use = createActivity({
    interval: USE_INTERVAL,
    onError,
    async write(ids, now) {
      for (const some of slices(ids)) await writeUse(db, some, now);
    },
  });
  const stop = [bus.subscribe(TOPIC, () => known.clear()), bus.onGap(() => known.clear())];
  const changed = (): void => {
    known.clear();
    bus.publish(TOPIC, null, { awaited: true });
  };

  return {
    async find(key) {
      const found = await known.get(hashOf(key));
      if (!found || (found.expiresAt !== null && found.expiresAt <= nowSeconds())) return null;
      return found;
    },
    noteUse: use.touch,
    async list(userId) {
      await use.flush();
      return keysOf(db, userId);
    },
    async create(userId, form) {
      const secret = randomBytes(32).toString('base64url');
      const key = `${NAMED_PREFIX}${secret}`;
      const now = nowSeconds();
      const row: KeyRow = {
        id: randomUUID(),
        user_id: userId,
        ...readForm(form),
        hint: key.slice(-4),
        last_used_at: null,
        created_at: now,
        updated_at: now,
      };
      if ((await countKeys(db, userId)) >= MAX_KEYS) {
        throw new HttpError(400, `An account may have ${MAX_KEYS} keys at most.`);
      }
      await insertKey(db, { ...row, hash: hashOf(key) });
      // It may have been asked for before it was there, by somebody who guesses.
      changed();
      return { row, key };
    },
    update: (userId, id, form) =>
      database.transaction(async (tx) => {
        const stored = await keyOf(tx, userId, id);
        if (!stored) return null;
        const row = { ...stored, ...readForm({ ...stored, ...form }, stored.expires_at), updated_at: nowSeconds() };
        await updateKey(tx, id, row);
        tx.onCommit(changed);
        return row;
      }),
    async remove(userId, id) {
      const removed = await deleteKey(db, userId, id);
      changed();
      return removed;
    },
    invalidate: changed,
    async close() {
      for (const one of stop) one();
      await use.close();
    },
  };
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** `keptExpiry`: an end that is stored already may lie in the past. */
function readForm({ name, scopes, expires_at }: KeyForm, keptExpiry?: number | null) {
  const trimmed = name.trim();
  if (trimmed === '' || trimmed.length > MAX_NAME) {
    throw new HttpError(400, `A key needs a name of ${MAX_NAME} characters at most.`);
  }
  if (expires_at !== null && expires_at !== keptExpiry && expires_at <= nowSeconds()) {
    throw new HttpError(400, 'The key would have expired already.');
  }
  return { name: trimmed, scopes: scopes && readScopes(scopes), expires_at };
}
