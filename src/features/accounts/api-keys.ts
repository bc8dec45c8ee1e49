import { randomUUID } from 'node:crypto';
import { createCache } from '../../kernel/cache.ts';
import type { Database, Db } from '../../kernel/database/index.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Bus, memoryAge } from '../../kernel/realtime/index.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import type { Access } from '../access/index.ts';

const TOPIC = 'accounts:api-key';
const KEYS_KEPT = 10_000;

/** API keys: one per user, stored as earlier releases store them. */
export interface ApiKeys {
  /** Whose key this is; null for an unknown one. */
  userIdOf(key: string): Promise<string | null>;
  get(userId: string): Promise<string | null>;
  /** Makes a new key in place of the old one. */
  replace(userId: string): Promise<string>;
  remove(userId: string): Promise<void>;
  /** Drops what is remembered about any key, here and in other processes. */
  invalidate(): void;
  close(): void;
}

interface ApiKeyDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  bus: Pick<Bus, 'publish' | 'subscribe' | 'onGap' | 'shared'>;
}

export function createApiKeys({ database, bus }: ApiKeyDeps): ApiKeys {
  const owners = createCache<string | null>({
    maxEntries: KEYS_KEPT,
    maxAgeMs: memoryAge(bus, database.db),
    load: async (key) => (await ownerOf(database.db, key)) ?? null,
  });
  // Keys are not sent over the bus; dropping them all is rare and cheap.
  const stop = [bus.subscribe(TOPIC, () => owners.clear()), bus.onGap(() => owners.clear())];
  const changed = (): void => {
    owners.clear();
    bus.publish(TOPIC, null, { awaited: true });
  };
  return {
    userIdOf: (key) => owners.get(key),
    async get(userId) {
      const row = await database.db
        .selectFrom('api_key')
        .select('key')
        .where('user_id', '=', userId)
        .orderBy('created_at', 'desc')
        .executeTakeFirst();
      return row?.key ?? null;
    },
    async replace(userId) {
      const key = `sk-${randomUUID().replaceAll('-', '')}`;
      await database.transaction(async (tx) => {
        await deleteApiKeys(tx, userId);
        const now = nowSeconds();
        const row = { id: `key_${userId}`, user_id: userId, key, created_at: now, updated_at: now };
        await tx.insertInto('api_key').values(row).execute();
        tx.onCommit(changed);
      });
      return key;
    },
    async remove(userId) {
      await deleteApiKeys(database.db, userId);
      changed();
    },
    invalidate: changed,
    close() {
      for (const one of stop) one();
    },
  };
}

/** Throws 403 unless the account may have keys at all. */
export async function assertKeysAllowed(
  { config, access }: { config: Pick<Config, 'get'>; access: Pick<Access, 'permissions'> },
  user: Pick<User, 'id' | 'role'>,
): Promise<void> {
  const allowed =
    config.get('auth.enable_api_keys') &&
    (user.role === 'admin' || (await access.permissions(user, 'features.api_keys')));
  if (!allowed) throw new HttpError(403, detail.API_KEY_CREATION_NOT_ALLOWED);
}

export async function deleteApiKeys(db: Db, userId: string): Promise<void> {
  await db.deleteFrom('api_key').where('user_id', '=', userId).execute();
}

async function ownerOf(db: Db, key: string): Promise<string | null | undefined> {
  return (await db.selectFrom('api_key').select('user_id').where('key', '=', key).executeTakeFirst())?.user_id;
}
