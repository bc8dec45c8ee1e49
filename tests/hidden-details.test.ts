import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Account, addAccount, signUp } from './support/client.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket } from './support/socket.ts';

interface Person {
  id: string;
  name: string;
  email: string;
  role: string;
}

describe('HIDE_USER_EMAILS_AND_ROLES', () => {
  let server: TestServer;
  let admin: Account;
  let una: Account;
  let adminEmail: string;
  let unaEmail: string;

  before(async () => {
    server = await startServer({
      env: {
        HIDE_USER_EMAILS_AND_ROLES: 'true',
        ENABLE_CHANNELS: 'true',
        USER_PERMISSIONS_FEATURES_CHANNELS: 'true',
        USER_PERMISSIONS_WORKSPACE_SKILLS_ACCESS: 'true',
        USER_PERMISSIONS_WORKSPACE_KNOWLEDGE_ACCESS: 'true',
        USER_PERMISSIONS_WORKSPACE_PROMPTS_ACCESS: 'true',
        USER_PERMISSIONS_WORKSPACE_MODELS_ACCESS: 'true',
      },
    });
    admin = await signUp(server);
    una = await addAccount(admin, 'una');
    const emailOf = async (of: Account) => (await of.ok<Person>('GET', '/api/v1/auths/')).email;
    [adminEmail, unaEmail] = [await emailOf(admin), await emailOf(una)];
  });
  after(() => server.stop());

  const detailsOf = ({ email, role }: Person) => [email, role];
  const search = (as: Account, query: string) =>
    as.ok<{ users: Person[]; total: number }>('GET', `/api/v1/users/search?${query}`);

  test('keeps them from other users, not from oneself and administrators', async () => {
    const found = Object.fromEntries((await search(una, '')).users.map((user) => [user.id, detailsOf(user)]));
    assert.deepEqual(found, { [admin.id]: ['', ''], [una.id]: [unaEmail, 'user'] });
    const info = (as: Account, of: Account) => as.ok<Person>('GET', `/api/v1/users/${of.id}/info`).then(detailsOf);
    assert.deepEqual(await info(una, admin), ['', '']);
    assert.deepEqual(await info(una, una), [unaEmail, 'user']);
    assert.deepEqual(await info(admin, una), [unaEmail, 'user']);
    assert.equal((await search(admin, `query=${adminEmail}`)).total, 1);
  });

  test('lets nobody find out by searching or ordering', async () => {
    assert.equal((await search(una, `query=${adminEmail}`)).total, 0);
    const idsOf = async (query: string) => (await search(una, query)).users.map(({ id }) => id);
    for (const order of ['email', 'role'].flatMap((by) => [`${by}&direction=asc`, `${by}&direction=desc`])) {
      assert.deepEqual(await idsOf(`order_by=${order}`), await idsOf(''));
    }
  });

  const READ = (id: string) => ({ access_grants: [{ principal_type: 'user', principal_id: id, permission: 'read' }] });
  const shared = {
    prompts: ['prompts/create', 'prompts/list?', { command: 'p', name: 'Shared', content: 'c' }],
    skills: ['skills/create', 'skills/list?', { id: 's', name: 'Shared', content: 'c' }],
    knowledge: ['knowledge/create', 'knowledge/search?', { name: 'Shared', description: 'd' }],
    models: ['models/create', 'models/list?', { id: 'm', name: 'Shared', base_model_id: 'b', meta: {}, params: {} }],
    notes: ['notes/create', 'notes/search?permission=read&', { title: 'Shared' }],
  } as const;
  for (const [kind, [create, list, form]] of Object.entries(shared)) {
    test(`keeps them from readers of shared ${kind}`, async () => {
      await admin.ok('POST', `/api/v1/${create}`, { json: { ...form, ...READ(una.id) } });
      const listed = async (as: Account, query: string) =>
        (await as.ok<{ items: { user: Person }[] }>('GET', `/api/v1/${list}${query}`)).items.map(({ user }) => user);
      const [owner, ...rest] = await listed(una, '');
      assert.deepEqual(rest, []);
      assert.deepEqual([owner?.id, owner?.email, owner?.role], [admin.id, '', '']);
      assert.deepEqual((await listed(admin, '')).map(detailsOf), [[adminEmail, 'admin']]);
      assert.deepEqual(await listed(una, `query=${adminEmail}`), []);
    });
  }

  test('keeps roles out of channels, which everybody reads alike', async () => {
    const grants = ['read', 'write'].map((permission) => ({
      principal_type: 'user',
      principal_id: una.id,
      permission,
    }));
    const { id } = await admin.ok<{ id: string }>('POST', '/api/v1/channels/create', {
      json: { name: 'talk', access_grants: grants },
    });
    const socket = await connectSocket(server.base, una);
    const event = new Promise<{ user: Person; data: { data: { user: Person } } }>((resolve) => {
      socket.raw.on('events:channel', resolve);
    });
    await admin.ok('POST', `/api/v1/channels/${id}/messages/post`, { json: { content: 'hello' } });
    const { user, data } = await event;
    assert.deepEqual([user.id, user.role, data.data.user.role], [admin.id, '', '']);
    socket.close();
    const [message] = await una.ok<{ user: Person }[]>('GET', `/api/v1/channels/${id}/messages`);
    assert.deepEqual(message?.user, { id: admin.id, name: message?.user.name, role: '' });
  });
});
