import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { insertAccount } from '../../src/features/accounts/account-store.ts';
import { findByIdentity } from '../../src/features/accounts/external.ts';
import type { ProviderClient } from '../../src/features/single-sign-on/client.ts';
import { SignInFailed } from '../../src/features/single-sign-on/problems.ts';
import * as store from '../../src/features/single-sign-on/store.ts';
import { createStoredTokens } from '../../src/features/single-sign-on/stored-tokens.ts';
import { json } from '../../src/kernel/database/index.ts';
import { createFernet, fernetKeyOf } from '../../src/kernel/fernet.ts';
import { loadSettings } from '../../src/kernel/settings/index.ts';
import { createLog } from '../../src/kernel/telemetry/log.ts';
import { nowSeconds } from '../../src/kernel/time.ts';
import { until } from '../support/wait.ts';
import { onEachDialect, openFresh } from './dialects.ts';

const SECRET = 'secret of this server';
const log = createLog({ level: 'CRITICAL', format: 'text' });
const settings = loadSettings({ WEBUI_SECRET_KEY: SECRET, DATA_DIR: '/tmp', OAUTH_MAX_SESSIONS_PER_USER: '3' });
const config = { get: () => false as never };

onEachDialect('sessions with identity providers', (dialect) => {
  let database: Awaited<ReturnType<typeof openFresh>>;
  before(async () => {
    database = await openFresh(dialect);
    for (const id of ['ada', 'bob']) {
      await database.transaction((tx) =>
        insertAccount(tx, {
          id,
          name: id,
          email: `${id}@example.com`,
          role: 'user',
          password: 'x',
          profile_image_url: '',
          session_stamp: 's',
          now: 1,
        }),
      );
    }
  });
  after(() => database.drop());

  type Refresh = () => Promise<Record<string, unknown>>;
  /** As one process has it; `refresh` plays the provider. */
  function tokensOf(refresh: Refresh) {
    const client = { provider: { scope: 'openid' }, refresh: async () => ({ tokens: await refresh(), claims: null }) };
    return createStoredTokens({
      database,
      settings,
      config,
      log,
      client: async () => client as unknown as ProviderClient,
    });
  }
  const unused: Refresh = () => Promise.reject(new Error('nothing is to be renewed'));
  const short = { access_token: 'at-1', refresh_token: 'rt-1', expires_in: 10 };
  const makeOld = (id: string) =>
    database.transaction(async (tx) => {
      const row = await store.findOAuthSession(tx, id);
      assert.ok(row);
      const fernet = createFernet(fernetKeyOf(SECRET));
      const token = { ...JSON.parse(fernet.decrypt(row.token) ?? '{}'), issued_at: nowSeconds() - 3_000 };
      await store.updateOAuthToken(tx, id, fernet.encrypt(JSON.stringify(token)), row.expires_at);
    });

  it('are kept encrypted as the reference does, the newest ones of each provider', async () => {
    const tokens = tokensOf(unused);
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      const id = await tokens.keep('ada', 'oidc', { access_token: `at-${n}`, expires_in: 3_600, scope: 'x' });
      await database.db
        .updateTable('oauth_session')
        .set({ created_at: n, updated_at: n })
        .where('id', '=', id)
        .execute();
      ids.push(id);
    }
    await tokens.keep('ada', 'github', { access_token: 'gh' });
    const rows = await database.db.selectFrom('oauth_session').selectAll().where('provider', '=', 'oidc').execute();
    assert.deepEqual(rows.map(({ id }) => id).sort(), ids.slice(2).sort());
    const row = rows.find(({ id }) => id === ids[4]);
    assert.doesNotMatch(String(row?.token), /at-4/);
    const opened = JSON.parse(createFernet(fernetKeyOf(SECRET)).decrypt(String(row?.token)) ?? 'null');
    assert.deepEqual([opened.access_token, opened.scope, opened.expires_at], ['at-4', 'x', row?.expires_at]);
    assert.equal(typeof opened.issued_at, 'number');
    assert.equal(
      await database.db
        .selectFrom('loggia_oauth_session')
        .select('id')
        .execute()
        .then((all) => all.length),
      4,
    );
  });

  it('give the tokens of the session that is asked for, if it is the own one, else of the last one', async () => {
    const tokens = tokensOf(unused);
    const own = await tokens.keep('bob', 'oidc', { access_token: 'bob-1', expires_in: 3_600 });
    await database.db.updateTable('oauth_session').set({ updated_at: 5 }).where('id', '=', own).execute();
    await tokens.keep('bob', 'github', { access_token: 'bob-2', expires_in: 3_600 });
    await tokens.keep('bob', 'mcp:server', { access_token: 'bob-3', expires_in: 3_600 });
    const of = async (user: string, id: string | null) => (await tokens.current(user, id))?.access_token;
    assert.equal(await of('bob', own), 'bob-1');
    assert.equal(await of('bob', null), 'bob-2');
    assert.equal(await of('ada', own), 'gh');
    assert.equal(await of('nobody', own), undefined);
    await database.db.updateTable('oauth_session').set({ token: 'of another key' }).where('id', '=', own).execute();
    assert.equal(await of('bob', own), undefined);
  });

  it('are renewed by one process at a time', async () => {
    let asked = 0;
    const gate = Promise.withResolvers<void>();
    const refresh: Refresh = async () => {
      asked += 1;
      await gate.promise;
      return { access_token: 'renewed', expires_in: 3_600 };
    };
    const [one, other] = [tokensOf(refresh), tokensOf(refresh)];
    const id = await one.keep('ada', 'oidc', { ...short, id_token: 'kept' });
    // New tokens are not renewed at once, however short they live.
    assert.equal((await one.current('ada', id))?.access_token, 'at-1');
    await makeOld(id);
    // A row the reference made has none beside it.
    await database.db.deleteFrom('loggia_oauth_session').where('id', '=', id).execute();
    const waiting = Promise.all([one, other, one, other].map((tokens) => tokens.current('ada', id)));
    await until(() => asked === 1);
    gate.resolve();
    const all = await waiting;
    assert.equal(asked, 1);
    for (const token of all) {
      assert.deepEqual([token?.access_token, token?.refresh_token, token?.id_token], ['renewed', 'rt-1', 'kept']);
    }
    assert.equal((await store.findOAuthSession(database.db, id))?.expires_at, all[0]?.expires_at);
  });

  it('stay where the provider cannot be reached, and go where it refuses', async () => {
    let problem: Error = new SignInFailed('the provider sleeps');
    const tokens = tokensOf(() => Promise.reject(problem));
    const id = await tokens.keep('ada', 'oidc', short);
    await makeOld(id);
    assert.equal((await tokens.current('ada', id))?.access_token, 'at-1');
    problem = Object.assign(new Error('refused'), { error: 'invalid_grant', status: 400 });
    assert.equal(await tokens.current('ada', id), null);
    assert.equal(await store.findOAuthSession(database.db, id), null);
  });

  it('are claimed for renewal by one, until it is done or its time is over', async () => {
    const id = await tokensOf(unused).keep('ada', 'oidc', short);
    const row = await store.findOAuthSession(database.db, id);
    assert.ok(row);
    const claims = await Promise.all([1, 2, 3].map(() => store.claimRenewal(database.db, row, 60)));
    assert.equal(claims.filter(Boolean).length, 1);
    await store.releaseRenewal(database.db, id);
    assert.equal(await store.claimRenewal(database.db, row, -1), true);
    assert.equal(await store.claimRenewal(database.db, row, 60), true);
  });

  it('are found by the name of the provider, and cleaned up', async () => {
    const withSid = (sid: string) => ({
      ...short,
      id_token: `e30.${Buffer.from(JSON.stringify({ sid })).toString('base64url')}.x`,
    });
    await tokensOf(unused).keep('bob', 'oidc', withSid('s-1'));
    assert.deepEqual(await store.usersBySid(database.db, 'oidc', 's-1'), ['bob']);
    assert.deepEqual(await store.usersBySid(database.db, 'google', 's-1'), []);
    await store.deleteOAuthSessionsOf(database.db, 'bob', 'oidc');
    assert.deepEqual(await store.usersBySid(database.db, 'oidc', 's-1'), []);
    await database.db.deleteFrom('oauth_session').where('user_id', '=', 'bob').execute();
    await store.cleanUp(database.db);
    const left = await database.db.selectFrom('loggia_oauth_session').select('id').execute();
    const rows = await database.db.selectFrom('oauth_session').select('id').execute();
    assert.deepEqual(left.map(({ id }) => id).sort(), rows.map(({ id }) => id).sort());
  });

  it('belong to people who are found by what their account says, however it was changed', async () => {
    const identity = { provider: 'oidc', subject: 'Sub-1' };
    const find = async (subject = identity.subject) =>
      (await findByIdentity(database.db, { ...identity, subject }))?.user.id;
    const link = (id: string, oauth: object | null) =>
      database.db
        .updateTable('user')
        .set({ oauth: json(oauth) })
        .where('id', '=', id)
        .execute();
    const remembered = async () =>
      (await database.db.selectFrom('loggia_identity').selectAll().execute()).map(({ user_id: id }) => id);
    assert.equal(await find(), undefined);
    assert.deepEqual(await remembered(), []);
    await link('ada', { github: { sub: 'Sub-1' }, oidc: { sub: 'Sub-1' } });
    assert.deepEqual([await find(), await find(), await find('sub-1')], ['ada', 'ada', undefined]);
    assert.deepEqual(await remembered(), ['ada']);
    // Another program moves the identity.
    await link('ada', { github: { sub: 'Sub-1' } });
    assert.equal(await find(), undefined);
    await link('bob', { oidc: { sub: 'Sub-1' } });
    assert.equal(await find(), 'bob');
    assert.deepEqual(await remembered(), ['bob']);
    await link('bob', { oidc: { sub: 4711 } });
    assert.deepEqual([await find('4711'), await find('4711')], ['bob', 'bob']);
    const long = 'x'.repeat(2_000);
    await link('bob', { oidc: { sub: long } });
    assert.deepEqual([await find(long), await find(`${long}x`)], ['bob', undefined]);
    await link('bob', null);
  });

  it('begin with a state that is spent once', async () => {
    const spent = await Promise.all([1, 2, 3].map(() => store.spendSignIn(database.db, 'state', nowSeconds() + 60)));
    assert.equal(spent.filter(Boolean).length, 1);
    await store.spendSignIn(database.db, 'old', 1);
    await store.cleanUp(database.db);
    const rows = await database.db.selectFrom('loggia_spent_sign_in').select('id').execute();
    assert.deepEqual(rows, [{ id: 'state' }]);
  });
});
