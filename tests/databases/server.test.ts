import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import { migrate, openDatabase } from '../../src/kernel/database/index.ts';
import { addAccount, apiClient, signIn, signUp } from '../support/client.ts';
import { type DatabaseKind, freshDatabase, missingDatabase } from '../support/databases.ts';
import { startServer } from '../support/server.ts';
import { until } from '../support/wait.ts';
import { type ContractTable, comparable, postgresSchema, sqliteSchema } from './contract.ts';
import { testOptions } from './dialects.ts';

const SHARED = resolve(import.meta.dirname, '../../../shared');
const FIXTURE = join(SHARED, 'fixtures/data-0.12.4');
/** What the fixture was written with. */
const FIXTURE_KEY = 't0p-s3cr3t-for-measurement';
const noShared = await stat(FIXTURE).then(
  () => false as const,
  () => `no data folder of 0.12.4 at ${FIXTURE}`,
);

interface Relay {
  /** The database's URL by way of the relay. */
  url: string;
  /** Cuts all connections and takes no more. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  stop(): Promise<void>;
}

/** Stands between a server and its database, so that the database can go away and come back. */
async function relayTo(databaseUrl: string): Promise<Relay> {
  const url = new URL(databaseUrl);
  const target = { host: url.hostname, port: Number(url.port) };
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  url.hostname = '127.0.0.1';
  url.port = String(port);
  const cut = async () => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of open) socket.destroy();
    await closed;
  };
  return {
    url: url.href,
    cut,
    mend: async () => void (await once(server.listen(port, '127.0.0.1'), 'listening')),
    stop: cut,
  };
}

const KINDS: DatabaseKind[] = ['sqlite', 'postgresql', 'mysql'];
const missing = new Map(await Promise.all(KINDS.map(async (kind) => [kind, await missingDatabase(kind)] as const)));

for (const kind of KINDS) {
  describe(`a server on ${kind}`, { skip: missing.get(kind) ?? false }, () => {
    it('keeps what was written, odd characters too', async () => {
      await using server = await startServer({ database: kind });
      const admin = await signUp(server);
      const odd = 'nul \u0000 half \ud800 "quotes" \\ 漢字 🙂';
      const group = await admin.ok<{ id: string; name: string }>('POST', '/api/v1/groups/create', {
        json: { name: odd, description: odd, data: { config: { share: 'members' }, note: odd } },
      });
      const user = await addAccount(admin, 'una');
      await user.ok('POST', '/api/v1/users/user/settings/update', { json: { ui: { title: odd } } });
      await admin.ok('POST', `/api/v1/groups/id/${group.id}/users/add`, { json: { user_ids: [user.id, 'nobody'] } });

      const groups = await user.ok<{ name: string; member_count: number }[]>('GET', '/api/v1/groups/');
      assert.equal(groups.length, 1);
      assert.equal(groups[0]?.member_count, 1);
      assert.match(groups[0]?.name ?? '', /^nul .*half .* "quotes" \\ 漢字 🙂$/);
      const settings = await user.ok<{ ui: { title: string } }>('GET', '/api/v1/users/user/settings');
      assert.match(settings.ui.title, /"quotes" \\ 漢字 🙂$/);
      // In any case and with wildcards taken as the wire does.
      for (const query of ['UNA', 'una@', 'exam_le']) {
        const found = await admin.ok<{ total: number }>('GET', '/api/v1/users/', { query: { query } });
        assert.ok(found.total >= 1, query);
      }
      await admin.ok('DELETE', `/api/v1/users/${user.id}`);
      assert.equal((await admin.ok<{ member_count: number }>('GET', `/api/v1/groups/id/${group.id}`)).member_count, 0);
      await admin.ok('DELETE', `/api/v1/groups/id/${group.id}/delete`);
    });

    if (kind === 'sqlite') return;

    it('says when the database is away, and goes on when it is back', async () => {
      const database = await freshDatabase(kind);
      const relay = await relayTo(database.url);
      try {
        await using server = await startServer({ env: { DATABASE_URL: relay.url } });
        const admin = await signUp(server);
        // The session is known, so that the route itself meets the database.
        await admin.ok('GET', '/api/v1/users/all');
        await relay.cut();
        const refused = await admin.call('GET', '/api/v1/users/all');
        assert.deepEqual([refused.status, refused.body], [503, { detail: 'The database cannot be reached.' }]);
        const signingIn = await apiClient(server.base).call('POST', '/api/v1/auths/signin', {
          json: { email: admin.email, password: admin.password },
        });
        assert.deepEqual(
          [signingIn.status, signingIn.body],
          [503, { detail: 'Authentication is temporarily unavailable.' }],
        );
        const ready = await apiClient(server.base).call('GET', '/ready');
        assert.deepEqual([ready.status, ready.body], [503, { detail: 'Database not ready' }]);
        assert.equal((await apiClient(server.base).call('GET', '/health')).status, 200);

        await relay.mend();
        await until(async () => (await apiClient(server.base).call('GET', '/ready')).status === 200);
        const all = await admin.ok<{ total: number }>('GET', '/api/v1/users/all');
        assert.equal(all.total, 1);
        await signIn(server, admin.email, admin.password);
      } finally {
        await relay.stop();
        await database.drop();
      }
    });
  });
}

describe('a data folder of 0.12.4', { skip: noShared }, () => {
  it('is used as it is, and its schema stays', async () => {
    await using server = await startServer({ fixture: FIXTURE, env: { WEBUI_SECRET_KEY: FIXTURE_KEY } });
    const ada = await signIn(server, 'ada@example.com', 'Correct-horse-1');
    assert.equal(ada.role, 'admin');
    const chats = await ada.ok<unknown[]>('GET', '/api/v1/chats/');
    assert.equal(chats.length, 5);
    await addAccount(ada, 'nina');
    assert.equal(await server.terminate(), 0);

    const url = `sqlite:///${join(server.dataDir, 'webui.db')}`;
    const database = openDatabase({ ...testOptions, url });
    try {
      const { sqlite } = JSON.parse(await readFile(join(SHARED, 'contract/schema.json'), 'utf8')) as {
        sqlite: Record<string, ContractTable>;
      };
      const after = (await sqliteSchema(database)) as Record<string, ContractTable>;
      assert.deepEqual(comparable(after), comparable(sqlite));
    } finally {
      await database.close();
    }
  });

  it('waits for others that write into its SQLite file', async () => {
    await using server = await startServer({ fixture: FIXTURE, env: { WEBUI_SECRET_KEY: FIXTURE_KEY } });
    const ada = await signIn(server, 'ada@example.com', 'Correct-horse-1');
    const other = new BetterSqlite(join(server.dataDir, 'webui.db'));
    try {
      other.exec('BEGIN IMMEDIATE');
      other.prepare("UPDATE user SET bio = 'by somebody else'").run();
      const writing = ada.call('POST', '/api/v1/groups/create', { json: { name: 'late', description: '' } });
      // Readers are let through meanwhile, and the event loop is not held.
      const reading = await ada.ok<{ users: { bio: string | null }[] }>('GET', '/api/v1/users/');
      assert.equal(reading.users[0]?.bio, null);
      other.exec('COMMIT');
      assert.equal((await writing).status, 200);
    } finally {
      other.close();
    }
  });

  it('can be carried over to PostgreSQL row by row', { skip: missing.get('postgresql') ?? false }, async () => {
    const target = await freshDatabase('postgresql');
    try {
      const database = openDatabase({ ...testOptions, url: target.url });
      await migrate(database);
      await carryOver(join(FIXTURE, 'webui.db'), target.url);
      const env = { DATABASE_URL: target.url, WEBUI_SECRET_KEY: FIXTURE_KEY };
      {
        await using server = await startServer({ env });
        const ada = await signIn(server, 'ada@example.com', 'Correct-horse-1');
        assert.equal((await ada.ok<unknown[]>('GET', '/api/v1/chats/')).length, 5);
        await addAccount(ada, 'nina');
      }
      const { postgresql } = JSON.parse(await readFile(join(SHARED, 'contract/schema.json'), 'utf8')) as {
        postgresql: Record<string, ContractTable>;
      };
      assert.deepEqual(comparable(await postgresSchema(database)), comparable(postgresql));
      await database.close();
    } finally {
      await target.drop();
    }
  });
});

/** Copies all rows as an operator's tool would: by column, booleans and JSON as PostgreSQL wants them. */
async function carryOver(file: string, url: string): Promise<void> {
  const from = new BetterSqlite(file, { readonly: true });
  const to = new pg.Client({ connectionString: url });
  await to.connect();
  try {
    await to.query('SET session_replication_role = replica');
    const { rows } = await to.query<{ t: string; c: string; type: string }>(
      `SELECT table_name AS t, column_name AS c, data_type AS type FROM information_schema.columns WHERE table_schema = 'public'`,
    );
    for (const [table, columns] of Map.groupBy(rows, ({ t }) => t)) {
      if (table.startsWith('loggia_') || table === 'alembic_version') continue;
      const types = new Map(columns.map(({ c, type }) => [c, type]));
      for (const row of from.prepare<[], Record<string, unknown>>(`SELECT * FROM "${table}"`).all()) {
        const names = Object.keys(row);
        const values = names.map((name) => {
          const value = row[name];
          if (value === null) return null;
          if (types.get(name) === 'boolean') return Boolean(value);
          return types.get(name) === 'json' ? String(value) : value;
        });
        const list = names.map((name) => `"${name}"`).join(', ');
        const places = names.map((_, at) => `$${at + 1}`).join(', ');
        await to.query(`INSERT INTO "${table}" (${list}) VALUES (${places})`, values);
      }
    }
  } finally {
    await to.end();
    from.close();
  }
}
