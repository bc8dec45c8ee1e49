import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import pg from 'pg';
import { type Account, addSession, apiClient, signIn, signUp } from './support/client.ts';
import { freshDatabase, missingDatabase, missingRedis, redisUrl } from './support/databases.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket, type TestSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

const noPostgres = await missingDatabase('postgresql');
const noRedis = noPostgres || (await missingRedis());
interface Variant {
  name: string;
  env: Record<string, string>;
  skip: false | string;
  /** Breaks the connections the processes hear each other by. */
  cut(databaseUrl: string): Promise<void>;
}
const prefix = `loggia-revocation-${process.pid}`;
const variants: Variant[] = [
  { name: 'PostgreSQL', env: {}, skip: noPostgres, cut: cutPostgres },
  {
    name: 'Redis',
    env: { REDIS_URL: `${redisUrl}?client_name=${prefix}`, WEBSOCKET_MANAGER: 'redis', REDIS_KEY_PREFIX: prefix },
    skip: noRedis,
    cut: cutRedis,
  },
];

for (const { name, env, skip, cut } of variants) {
  describe(`a right that is taken away at one process, over ${name}`, { skip }, () => {
    let one: TestServer;
    let two: TestServer;
    let admin: Account;
    let databaseUrl = '';
    let stop = async () => {};
    before(async () => {
      const database = await freshDatabase('postgresql');
      databaseUrl = database.url;
      const shared = { provider: null, env: { ENABLE_API_KEYS: 'true', ...env, DATABASE_URL: database.url } };
      one = await startServer(shared);
      two = await startServer(shared);
      stop = async () => {
        await Promise.all([one.stop(), two.stop()]);
        await database.drop();
      };
      admin = await signUp(one);
    });
    after(() => stop());

    const label = (text: string) => `${text}-${name.toLowerCase()}`;
    const person = (text: string, role?: string) => addSession(admin, label(text), role);
    /** What the other process says to a token now. */
    const atTwo = async (token: string, method: string, path: string, json?: unknown): Promise<number> =>
      (await apiClient(two.base, token).call(method, path, json === undefined ? {} : { json })).status;
    /** The very next request to the other process is refused, and its socket has ended within a second. */
    async function takenAway(change: () => Promise<unknown>, refused: () => Promise<number>, socket?: TestSocket) {
      assert.equal(await refused(), 200, 'it was allowed before');
      const ended = socket && new Promise((resolve) => socket.raw.once('disconnect', resolve));
      await change();
      const answered = performance.now();
      const status = await refused();
      assert.ok([401, 403, 404].includes(status), `the next request was answered ${status}`);
      if (!ended) return;
      assert.equal(await ended, 'io server disconnect');
      assert.ok(performance.now() - answered < 1_000, 'the socket stayed for more than a second');
    }
    const update = (user: Account, role: string) =>
      admin.ok('POST', `/api/v1/users/${user.id}/update`, {
        json: { role, name: user.name, email: user.email, profile_image_url: '/user.png' },
      });
    const group = async (members: Account[], form: object): Promise<string> => {
      const { id } = await admin.ok<{ id: string }>('POST', '/api/v1/groups/create', {
        json: { name: 'g', description: '', ...form },
      });
      const json = { user_ids: members.map((member) => member.id) };
      await admin.ok('POST', `/api/v1/groups/id/${id}/users/add`, { json });
      return id;
    };
    const sharing = {
      sharing: { prompts: true, notes: true },
      workspace: { prompts: true },
      features: { notes: true },
    };
    const listed = (user: Account) => () => atTwo(user.token, 'GET', '/api/v1/users/search');

    it('is gone there with the role', async () => {
      const user = await person('role');
      await takenAway(() => update(user, 'pending'), listed(user), await connectSocket(two.base, user));
      const chief = await person('chief', 'admin');
      await takenAway(
        () => update(chief, 'user'),
        () => atTwo(chief.token, 'GET', '/api/v1/users/all'),
        await connectSocket(two.base, chief),
      );
    });

    it('is gone there with the account, and with its key', async () => {
      const user = await person('gone', 'admin');
      const { api_key: key } = await user.ok<{ api_key: string }>('POST', '/api/v1/auths/api_key');
      const [byKey, bySession] = [() => atTwo(key, 'GET', '/api/v1/users/search'), listed(user)];
      assert.equal(await byKey(), 200);
      await takenAway(
        () => admin.ok('DELETE', `/api/v1/users/${user.id}`),
        bySession,
        await connectSocket(two.base, user),
      );
      assert.equal(await byKey(), 401);
    });

    it('is gone there with the API key, when it is deleted and when it is replaced', async () => {
      const user = await person('key', 'admin');
      const make = async () => (await user.ok<{ api_key: string }>('POST', '/api/v1/auths/api_key')).api_key;
      const [first, use] = [await make(), (key: string) => () => atTwo(key, 'GET', '/api/v1/users/search')];
      let second = '';
      await takenAway(async () => {
        second = await make();
      }, use(first));
      await takenAway(() => user.ok('DELETE', '/api/v1/auths/api_key'), use(second));
      const named = await user.ok<{ id: string; api_key: string }>('POST', '/api/v1/auths/api_keys', {
        json: { name: 'one of several' },
      });
      await takenAway(() => user.ok('DELETE', `/api/v1/auths/api_keys/${named.id}`), use(named.api_key));
      assert.equal(await listed(user)(), 200);
    });

    it('is gone there with the session that signs out, and with no other', async () => {
      const first = await person('out');
      const other = await signIn(one, first.email, first.password);
      const stays = await connectSocket(two.base, other);
      await takenAway(
        () => first.ok('POST', '/api/v1/auths/signout'),
        listed(first),
        await connectSocket(two.base, first),
      );
      await stays.raw.timeout(5_000).emitWithAck('heartbeat', {});
      assert.ok(stays.raw.connected);
      assert.equal(await listed(other)(), 200);
      await takenAway(() => admin.ok('POST', `/api/v1/users/${first.id}/sessions/revoke`), listed(other), stays);
    });

    it('is gone there with the membership, the permission, the parent and the group', async () => {
      const users = await Promise.all(['member', 'permitted', 'nested', 'grouped'].map((text) => person(text)));
      const [member, permitted, nested, grouped] = users as [Account, Account, Account, Account];
      let made = 0;
      const use = (user: Account) => () => {
        made += 1;
        const form = { command: label(`p${made}`), name: 'p', content: 'p' };
        return atTwo(user.token, 'POST', '/api/v1/prompts/create', form);
      };
      const permissions = { workspace: { prompts: true } };
      const id = await group([member, permitted], { permissions });
      const json = { user_ids: [member.id] };
      const socket = await connectSocket(two.base, member);
      await takenAway(() => admin.ok('POST', `/api/v1/groups/id/${id}/users/remove`, { json }), use(member), socket);
      assert.deepEqual(
        socket.received.filter(([event]) => event === 'access:updated'),
        [['access:updated', {}]],
      );
      const form = { name: 'g', description: '', permissions: {} };
      await takenAway(
        () => admin.ok('POST', `/api/v1/groups/id/${id}/update`, { json: form }),
        use(permitted),
        await connectSocket(two.base, permitted),
      );
      const parent = await group([], { permissions });
      const child = await group([nested], { parent_group_id: parent });
      await takenAway(
        () =>
          admin.ok('POST', `/api/v1/groups/id/${child}/update`, {
            json: { name: 'g', description: '', parent_group_id: null },
          }),
        use(nested),
        await connectSocket(two.base, nested),
      );
      const last = await group([grouped], { permissions });
      await takenAway(
        () => admin.ok('DELETE', `/api/v1/groups/id/${last}/delete`),
        use(grouped),
        await connectSocket(two.base, grouped),
      );
    });

    it('is gone there with the default permission, and with the feature', async () => {
      const user = await person('defaults');
      const [tree, config] = ['/api/v1/users/default/permissions', '/api/v1/auths/admin/config'];
      const before = await admin.ok<Record<string, Record<string, boolean>>>('GET', tree);
      const notes = () => atTwo(user.token, 'GET', '/api/v1/notes/');
      const without = { ...before, features: { ...before.features, notes: false } };
      await takenAway(() => admin.ok('POST', tree, { json: without }), notes);
      await admin.ok('POST', tree, { json: before });
      const settings = await admin.ok('GET', config);
      await takenAway(() => admin.ok('POST', config, { json: { ...settings, ENABLE_NOTES: false } }), notes);
      await admin.ok('POST', config, { json: settings });
      assert.equal(await notes(), 200);
    });

    it('is gone there with the grant, by name and by group, and what is written is not told any more', async () => {
      const [owner, reader, member] = [await person('owner'), await person('reader'), await person('of-group')];
      await group([owner], { permissions: sharing });
      const readers = await group([member], {});
      const grants = [
        { principal_type: 'user', principal_id: reader.id, permission: 'read' },
        { principal_type: 'group', principal_id: readers, permission: 'read' },
      ];
      const note = await owner.ok<{ id: string }>('POST', '/api/v1/notes/create', {
        json: { title: 'n', access_grants: grants },
      });
      const share = (list: object[]) =>
        owner.ok('POST', `/api/v1/notes/${note.id}/access/update`, { json: { access_grants: list } });
      const rename = (title: string) => owner.ok('POST', `/api/v1/notes/${note.id}/update`, { json: { title } });
      const sockets: TestSocket[] = [];
      for (const user of [reader, member]) {
        const socket = await connectSocket(two.base, user);
        await socket.raw.emitWithAck('join-note', { note_id: note.id, auth: { token: user.token } });
        sockets.push(socket);
      }
      const told = (socket: TestSocket | undefined, title: string) =>
        socket?.received.some(([event, data]) => event === 'note-events' && JSON.stringify(data).includes(title));
      await rename('while allowed');
      for (const socket of sockets) await socket.wait((_event, data) => JSON.stringify(data).includes('while allowed'));
      const read = (user: Account) => () => atTwo(user.token, 'GET', `/api/v1/notes/${note.id}`);
      await takenAway(() => share(grants.slice(1)), read(reader));
      await rename('when one may');
      await sockets[1]?.wait((_event, data) => JSON.stringify(data).includes('when one may'));
      assert.ok(!told(sockets[0], 'when one may'), 'the reader is still told');
      await takenAway(() => share([]), read(member));
      for (const socket of sockets) socket.close();
    });

    it('is gone there soon though the message was lost', async () => {
      const [user, keyed] = [await person('missed'), await person('missed-key', 'admin')];
      const { api_key: key } = await keyed.ok<{ api_key: string }>('POST', '/api/v1/auths/api_key');
      const byKey = () => atTwo(key, 'GET', '/api/v1/users/search');
      assert.deepEqual([await listed(user)(), await byKey()], [200, 200]);
      const socket = await connectSocket(two.base, user);
      await cut(databaseUrl);
      await user.ok('POST', '/api/v1/auths/signout');
      await keyed.ok('DELETE', '/api/v1/auths/api_key');
      await until(async () => (await listed(user)()) === 401 && (await byKey()) === 401, { ms: 10_000 });
      await until(() => !socket.raw.connected, { ms: 10_000 });
    });
  });
}

async function cutPostgres(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rowCount } = await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND (query LIKE 'LISTEN%' OR query LIKE '%pg_notify%')`,
  );
  await client.end();
  assert.equal(rowCount, 2);
}

async function cutRedis(): Promise<void> {
  const redis = new Redis(redisUrl);
  let killed = 0;
  for (const line of String(await redis.client('LIST')).split('\n')) {
    const id = line.includes(`name=${prefix}`) && /^id=(\d+)/.exec(line)?.[1];
    if (id) killed += Number(await redis.client('KILL', 'ID', id));
  }
  redis.disconnect();
  assert.ok(killed >= 4, `${killed} connections`);
}
