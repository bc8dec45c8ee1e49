import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { beginSignIn, confirm } from './support/authenticator.ts';
import { type Account, addAccount, apiClient, signIn, signUp } from './support/client.ts';
import { startReceiver } from './support/receiver.ts';
import { startServer, type TestServer } from './support/server.ts';
import { until } from './support/wait.ts';

interface Told {
  event: string;
  source: string;
  actor: { id: string } | null;
  subject: { type: string; id: string } | null;
  data: Record<string, unknown>;
}

const A = '/api/v1/auths';

describe('what happens to accounts', () => {
  let server: TestServer;
  let admin: Account;
  let user: Account;
  const receiver = startReceiver();
  let seen = 0;
  before(async () => {
    if (!receiver.server.listening) await once(receiver.server, 'listening');
    const env = { ENABLE_LOCAL_WEB_FETCH: 'true', ENABLE_API_KEYS: 'true', WEBHOOK_URL: receiver.url('/events') };
    server = await startServer({ env: { ...env, DEFAULT_USER_ROLE: 'user' } });
    admin = await signUp(server);
    user = await addAccount(admin, 'uma');
  });
  after(async () => {
    receiver.server.closeAllConnections();
    receiver.server.close();
    await server.stop();
  });

  /** What webhooks were told since the last time, once it is as much as expected. */
  async function told(count: number): Promise<Told[]> {
    await until(() => receiver.got.length >= seen + count, { what: `${count} events` });
    const got = receiver.got.slice(seen).map(({ body }) => body as unknown as Told);
    seen = receiver.got.length;
    return got;
  }
  const brief = ({ event, source, actor, subject, data }: Told) => [
    event,
    source,
    actor?.id === admin.id ? 'admin' : actor?.id === user.id ? 'user' : null,
    subject?.id === user.id ? 'user' : subject?.id === admin.id ? 'admin' : subject?.id,
    data,
  ];

  it('is told: made, signed in', async () => {
    assert.deepEqual((await told(5)).map(brief), [
      ['user.created', 'api', 'admin', 'admin', { role: 'admin' }],
      ['auth.signup', 'api', 'admin', 'admin', { email: 'ada@example.com' }],
      ['auth.login', 'password', 'admin', 'admin', { auth_method: 'password' }],
      ['user.created', 'admin', 'admin', 'user', { role: 'user' }],
      ['auth.login', 'password', 'user', 'user', { auth_method: 'password' }],
    ]);
  });

  it('is told: what people change of themselves', async () => {
    const profile = { profile_image_url: '/user.png', name: 'Uma', bio: 'b', gender: null, date_of_birth: null };
    await user.ok('POST', `${A}/update/profile`, { json: profile });
    await user.ok('POST', `${A}/update/timezone`, { json: { timezone: 'Europe/Rome' } });
    await user.ok('POST', '/api/v1/users/user/settings/update', { json: { ui: { theme: 'dark' } } });
    await user.ok('POST', '/api/v1/users/user/status/update', { json: { status_message: 'here' } });
    await admin.ok('POST', `${A}/api_key`);
    await admin.ok('DELETE', `${A}/api_key`);
    await user.ok('POST', `${A}/update/password`, { json: { password: user.password, new_password: 'Other-one-3' } });
    user = await signIn(server, user.email, 'Other-one-3');
    await user.ok('POST', `${A}/signout`);
    user = await signIn(server, user.email, 'Other-one-3');
    const fields = (...updated_fields: string[]) => ({ updated_fields });
    const login = ['auth.login', 'password', 'user', 'user', { auth_method: 'password' }];
    assert.deepEqual((await told(10)).map(brief), [
      ['user.profile_updated', 'api', 'user', 'user', fields(...Object.keys(profile))],
      ['user.updated', 'api', 'user', 'user', fields('timezone')],
      ['user.settings_updated', 'api', 'user', 'user', fields('ui')],
      ['user.status_updated', 'api', 'user', 'user', fields('status_message')],
      ['auth.api_key.created', 'api', 'admin', 'admin', {}],
      ['auth.api_key.deleted', 'api', 'admin', 'admin', {}],
      ['auth.password_changed', 'api', 'user', 'user', {}],
      login,
      ['auth.logout', 'api', 'user', 'user', {}],
      login,
    ]);
  });

  it('is told: what administrators do with them, and with groups', async () => {
    const path = `/api/v1/users/${user.id}`;
    await admin.ok('POST', `${path}/update`, { json: { name: 'Una', role: 'pending', password: 'Third-one-4' } });
    await admin.ok('POST', `${path}/sessions/revoke`);
    const group = await admin.ok<{ id: string }>('POST', '/api/v1/groups/create', {
      json: { name: 'G', description: '' },
    });
    const child = await admin.ok<{ id: string }>('POST', '/api/v1/groups/create', {
      json: { name: 'H', description: '', parent_group_id: group.id },
    });
    const users = { json: { user_ids: [user.id] } };
    await admin.ok('POST', `/api/v1/groups/id/${group.id}/users/add`, users);
    await admin.ok('POST', `/api/v1/groups/id/${group.id}/users/remove`, users);
    await admin.ok('POST', `/api/v1/groups/id/${group.id}/update`, { json: { name: 'I', description: '' } });
    await admin.ok('DELETE', `/api/v1/groups/id/${group.id}/delete`);
    await admin.ok('DELETE', path);
    const tree = await admin.ok('GET', '/api/v1/users/default/permissions');
    await admin.ok('POST', '/api/v1/users/default/permissions', { json: tree });
    const by = (event: string, subject: string, data: object, source = 'api') => [
      event,
      source,
      'admin',
      subject,
      data,
    ];
    const placed = (old: string | null, parent: string | null) => ({
      old_parent_group_id: old,
      parent_group_id: parent,
    });
    assert.deepEqual((await told(13)).map(brief), [
      by('user.updated', 'user', { updated_fields: ['name'] }),
      by('user.role_updated', 'user', { old_role: 'user', role: 'pending' }),
      by('auth.password_changed', 'user', {}, 'admin'),
      by('auth.sessions_revoked', 'user', {}),
      by('group.created', group.id, { name: 'G' }),
      by('group.created', child.id, { name: 'H' }),
      by('group.member_added', group.id, { user_ids: [user.id] }),
      by('group.member_removed', group.id, { user_ids: [user.id] }),
      by('group.updated', group.id, { name: 'I', ...placed(null, null) }),
      by('group.deleted', group.id, { parent_group_id: null, promoted_child_ids: [child.id] }),
      by('group.updated', child.id, placed(group.id, null)),
      by('user.deleted', 'user', { email: user.email }),
      by('user.permissions_updated', 'user.permissions', {}),
    ]);
  });

  it('is told: what comes of a second factor, without its codes', async () => {
    await admin.ok('POST', '/api/v1/configs/import', { json: { config: { 'auth.mfa.enable': true } } });
    const { app, codes } = await confirm(server, (await beginSignIn(server, admin)).challenge_token);
    const { challenge_token } = await beginSignIn(server, admin);
    const verify = (json: object) =>
      apiClient(server.base).call('POST', `${A}/mfa/verify`, { json: { challenge_token, ...json } });
    assert.equal((await verify({ code: app.wrong() })).status, 401);
    assert.equal((await verify({ code: codes[0], recovery: true })).status, 200);
    const all = await told(7);
    assert.deepEqual(
      all.map(({ event, subject }) => [event, subject?.id === admin.id || subject?.id]),
      [
        ['auth.mfa.policy_changed', true],
        ['config.imported', 'import'],
        ['auth.mfa.enrolled', true],
        ['auth.login', true],
        ['auth.mfa.failed', true],
        ['auth.mfa.recovery_used', true],
        ['auth.login', true],
      ],
    );
    const text = JSON.stringify(all) + server.output();
    for (const secret of [...codes, challenge_token, admin.password]) assert.ok(!text.includes(secret));
  });
});
