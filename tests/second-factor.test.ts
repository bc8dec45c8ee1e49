import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { SignJWT } from 'jose';
import { json, openDatabase } from '../src/kernel/database/index.ts';
import { testOptions } from './databases/dialects.ts';
import { type Authenticator, beginSignIn, type Challenge, confirm, enrol } from './support/authenticator.ts';
import { type Account, type ApiClient, addAccount, apiClient, signUp } from './support/client.ts';
import { type DatabaseKind, type FreshDatabase, freshDatabase, missingDatabase } from './support/databases.ts';
import { APP, BASE, missingDirectory, startDirectory } from './support/directory.ts';
import { startIdentityProvider } from './support/identity-provider.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket } from './support/socket.ts';
import { newVisitor } from './support/visitor.ts';
import { until } from './support/wait.ts';

const A = '/api/v1/auths';
const EXPIRED = 'This authentication step expired. Please start again.';
const WRONG = 'Invalid or already used code.';
const BUSY = 'Too many attempts. Please try again later.';

type Form = Record<string, unknown>;

const post = async (client: Pick<ApiClient, 'base'>, path: string, body: unknown, token: string | null = null) => {
  const answer = await apiClient(client.base, token).call('POST', `${A}${path}`, { json: body });
  return { ...answer, body: answer.body as Form, detail: (answer.body as Form).detail };
};

/** The administrator asks for a second factor, and sets up the own one. */
async function turnOn(
  server: TestServer,
  admin: Account,
): Promise<ApiClient & { codes: string[]; app: Authenticator }> {
  const form = await admin.ok<Form>('GET', `${A}/admin/config`);
  const answer = await admin.ok<Form>('POST', `${A}/admin/config`, { json: { ...form, ENABLE_MFA: true } });
  assert.equal(answer.sessions_revoked, true);
  const { token, codes, app } = await enrol(server, admin);
  return { ...apiClient(server.base, token), codes, app };
}

/** The database beside the running server. */
async function stateOf(url: string, userId: string, change?: (state: Form) => Form): Promise<Form> {
  const database = openDatabase({ ...testOptions, url });
  try {
    const row = await database.db.selectFrom('auth').select('mfa').where('id', '=', userId).executeTakeFirstOrThrow();
    const state = row.mfa as Form;
    if (change) {
      await database.db
        .updateTable('auth')
        .set({ mfa: json(change(state)) })
        .where('id', '=', userId)
        .execute();
    }
    return state;
  } finally {
    await database.close();
  }
}

const KINDS: DatabaseKind[] = ['sqlite', 'postgresql', 'mysql'];
const missing = new Map(await Promise.all(KINDS.map(async (kind) => [kind, await missingDatabase(kind)] as const)));

for (const kind of KINDS) {
  describe(`a second factor on ${kind}`, { skip: missing.get(kind) ?? false }, () => {
    let database: FreshDatabase | null = null;
    let server: TestServer;
    let admin: Account;
    let sven: Account;
    let url: string;
    before(async () => {
      database = kind === 'sqlite' ? null : await freshDatabase(kind);
      server = await startServer({ env: database ? { DATABASE_URL: database.url } : {} });
      url = database?.url ?? `sqlite:///${join(server.dataDir, 'webui.db')}`;
      admin = await signUp(server);
      sven = await addAccount(admin, 'sven');
    });
    after(async () => {
      await server?.stop();
      await database?.drop();
    });

    it('is set up at the next sign-in, and every session before it is over', async () => {
      const socket = await connectSocket(server.base, sven);
      const boss = await turnOn(server, admin);
      await until(() => !socket.raw.connected, { what: 'the end of the socket' });
      socket.close();
      assert.equal((await sven.call('GET', `${A}/`)).status, 401);
      assert.equal((await boss.call('GET', `${A}/`)).status, 200);

      const { token, codes } = await enrol(server, sven);
      assert.equal(codes.length, 10);
      const status = await apiClient(server.base, token).ok('GET', `${A}/mfa/status`);
      assert.deepEqual(status, { enabled: true, required: true, recovery_codes_remaining: 10 });
    });

    it('is stored with exactly the members earlier releases know', async () => {
      await beginSignIn(server, sven);
      const state = await stateOf(url, sven.id);
      assert.deepEqual(
        Object.keys(state).toSorted(),
        (
          'last_step,limits,login_challenge,manage_challenge,recovery_hashes,reset_required,reset_ticket,' +
          'revision,secret'
        ).split(','),
      );
      assert.deepEqual(
        Object.keys(state.login_challenge as Form).toSorted(),
        'attempts,auth_method,auth_time,expires_at,oauth_session_id,provider,secret,session_stamp,token_hash,type'.split(
          ',',
        ),
      );
      assert.match(String(state.secret), /^gAAAA/);
    });

    it('takes a code once, however many ask at once', async () => {
      const { app, codes } = await reset(server, url, sven);
      const { challenge_token } = await beginSignIn(server, sven);
      const code = app.code();
      const all = await Promise.all(
        Array.from({ length: 4 }, () => post(server, '/mfa/verify', { challenge_token, code })),
      );
      assert.equal(all.filter(({ status }) => status === 200).length, 1);
      assert.deepEqual(new Set(all.map(({ status }) => status)), new Set([200, 401]));
      const next = await beginSignIn(server, sven);
      const again = await post(server, '/mfa/verify', { challenge_token: next.challenge_token, code });
      assert.deepEqual([again.status, again.detail], [401, WRONG]);

      const [recovery = ''] = codes;
      const json = { challenge_token: next.challenge_token, code: ` ${recovery.toUpperCase()} `, recovery: true };
      const pair = await Promise.all([post(server, '/mfa/verify', json), post(server, '/mfa/verify', json)]);
      assert.deepEqual(pair.map(({ status }) => status).toSorted(), [200, 401]);
      const third = await beginSignIn(server, sven);
      const spent = await post(server, '/mfa/verify', { ...json, challenge_token: third.challenge_token });
      assert.deepEqual([spent.status, spent.detail], [401, WRONG]);
    });

    it('is replaced, and gets new recovery codes, by who has just signed in', async () => {
      const { token, codes } = await reset(server, url, sven);
      const [first, second, third] = codes;
      const refused = await post(server, '/mfa/replace', { code: '000000x' }, token);
      assert.deepEqual([refused.status, refused.detail], [401, WRONG]);
      const answer = await post(server, '/mfa/replace', { code: first, recovery: true }, token);
      assert.equal(answer.body.next_step, 'enroll');
      const replaced = await confirm(server, String(answer.body.challenge_token));
      assert.equal(replaced.token, '');
      assert.equal((await apiClient(server.base, token).call('GET', `${A}/`)).status, 401);

      const { challenge_token } = await beginSignIn(server, sven);
      const old = await post(server, '/mfa/verify', { challenge_token, code: second, recovery: true });
      assert.equal(old.status, 401);
      const session = await post(server, '/mfa/verify', { challenge_token, code: replaced.app.code() });
      assert.equal(session.status, 200);
      const fresh = await post(
        server,
        '/mfa/recovery/codes',
        { code: replaced.codes[0], recovery: true },
        String(session.body.token),
      );
      const renewed = fresh.body.recovery_codes as string[];
      assert.equal(renewed.length, 10);
      assert.ok(!renewed.some((code) => replaced.codes.includes(code) || code === third));
      assert.equal((await apiClient(server.base, String(session.body.token)).call('GET', `${A}/`)).status, 401);
    });
  });
}

/** A new set-up with unspent codes and no attempts counted. */
async function reset(server: TestServer, url: string, who: Account) {
  await stateOf(url, who.id, (state) => ({ ...state, secret: null, limits: {}, recovery_hashes: [] }));
  return enrol(server, who);
}

describe('a challenge', () => {
  let server: TestServer;
  let admin: Account;
  let sven: Account;
  let url: string;
  before(async () => {
    server = await startServer();
    url = `sqlite:///${join(server.dataDir, 'webui.db')}`;
    admin = await signUp(server);
    sven = await addAccount(admin, 'sven');
    await turnOn(server, admin);
  });
  after(() => server.stop());

  it('counts only as it was given, for five minutes, until the next one', async () => {
    const { app } = await reset(server, url, sven);
    const first = (await beginSignIn(server, sven)).challenge_token;
    const second = (await beginSignIn(server, sven)).challenge_token;
    const [id = '', random = ''] = second.split('.');
    const code = app.code();
    const bad: Record<string, string> = {
      'an older one': first,
      'of another account': `${admin.id}.${random}`,
      'of nobody': `nobody.${random}`,
      'a changed one': `${id}.${random.startsWith('A') ? 'B' : 'A'}${random.slice(1)}`,
      'a cut one': second.slice(0, -1),
      'without an account': random,
      'with a long account': `${'x'.repeat(65)}.${random}`,
    };
    for (const [what, challenge_token] of Object.entries(bad)) {
      const { status, detail } = await post(server, '/mfa/verify', { challenge_token, code });
      assert.equal(status, 401, what);
      assert.ok([EXPIRED, 'Invalid authentication request.'].includes(String(detail)), `${what}: ${detail}`);
    }
    for (const path of ['/mfa/enroll/start', '/mfa/enroll/confirm', '/mfa/recover']) {
      const json = { challenge_token: second, ...(path.endsWith('start') ? {} : { code }) };
      const other = path.endsWith('recover') ? { challenge_token: second, reset_token: 'x'.repeat(43) } : json;
      assert.deepEqual([(await post(server, path, other)).status, path], [401, path]);
    }
    await stateOf(url, sven.id, (state) => ({
      ...state,
      login_challenge: { ...(state.login_challenge as Form), expires_at: Math.floor(Date.now() / 1_000) },
    }));
    const late = await post(server, '/mfa/verify', { challenge_token: second, code });
    assert.deepEqual([late.status, late.detail], [401, EXPIRED]);
    // The code was never looked at, so it is not spent.
    const third = (await beginSignIn(server, sven)).challenge_token;
    assert.equal((await post(server, '/mfa/verify', { challenge_token: third, code })).status, 200);
  });

  it('ends with the password it was given for', async () => {
    const { codes, token } = await reset(server, url, sven);
    const open = (await beginSignIn(server, sven)).challenge_token;
    const json = { password: sven.password, new_password: 'Entirely-new-3' };
    assert.equal((await post(server, '/update/password', json, token)).status, 200);
    sven.password = json.new_password;
    const { status, detail } = await post(server, '/mfa/verify', {
      challenge_token: open,
      code: codes[0],
      recovery: true,
    });
    assert.deepEqual([status, detail], [401, EXPIRED]);
  });

  it('refuses what is no form', async () => {
    const { challenge_token } = await beginSignIn(server, sven);
    const bad: unknown[] = [
      { challenge_token },
      { challenge_token, code: '' },
      { challenge_token, code: 123456 },
      { challenge_token, code: '1'.repeat(129) },
      { challenge_token: 'short', code: '123456' },
      { challenge_token, code: '123456', more: true },
      [],
    ];
    for (const body of bad) {
      const { status, detail } = await post(server, '/mfa/verify', body);
      assert.deepEqual([status, detail], [422, 'Invalid authentication request.'], JSON.stringify(body));
    }
  });

  it('goes on from a cookie for pages of this site only', async () => {
    const { challenge_token } = await beginSignIn(server, sven);
    const cookie = `mfa_challenge=${challenge_token}`;
    const ask = (headers: { cookie?: string; origin?: string }) =>
      apiClient(server.base).call('POST', `${A}/mfa/challenge`, { headers });
    for (const headers of [{ cookie }, { cookie, origin: 'https://evil.example' }, { cookie, origin: 'null' }]) {
      const { status, body } = await ask(headers);
      assert.deepEqual([status, (body as Form).detail], [403, 'Invalid request origin.']);
    }
    const origin = server.base;
    const answer = await ask({ cookie, origin });
    assert.equal(answer.status, 200);
    assert.equal((answer.body as Challenge).challenge_token, challenge_token);
    assert.match(answer.headers.getSetCookie().join(), /mfa_challenge=; Max-Age=0; Path=\/api\/v1\/auths\/mfa/);
    for (const wrong of [{ origin }, { origin, cookie: `${cookie}x` }]) {
      const { status, body } = await ask(wrong);
      assert.deepEqual([status, (body as Form).detail], [401, EXPIRED]);
    }
  });

  it('is not given where nobody may get in: a pending account, a state that cannot be read', async () => {
    const form = { name: 'Tess', email: 'tess@example.com', password: 'Battery-staple-2', role: 'pending' };
    const boss = await reset(server, url, admin);
    const made = await post(server, '/add', form, boss.token);
    assert.equal(made.status, 200);
    assert.equal('token' in made.body, false);
    const pending = await post(server, '/signin', form);
    assert.deepEqual([pending.status, pending.body], [200, { next_step: 'pending' }]);
    assert.deepEqual(pending.headers.getSetCookie(), []);

    const good = await stateOf(url, sven.id, () => ({ secret: 5 }));
    const refused = await post(server, '/signin', sven);
    assert.deepEqual([refused.status, refused.detail], [503, 'Authentication is temporarily unavailable.']);
    await stateOf(url, sven.id, () => good);
    assert.equal((await post(server, '/signin', sven)).status, 200);
  });
});

describe('guessing', () => {
  const noPostgres = missing.get('postgresql') ?? false;

  it('ends after a few tries, in all processes together', { skip: noPostgres }, async () => {
    const database = await freshDatabase('postgresql');
    const env = { DATABASE_URL: database.url };
    await using one = await startServer({ env });
    await using other = await startServer({ env, provider: one.provider });
    try {
      const admin = await signUp(one);
      const sven = await addAccount(admin, 'sven');
      const socket = await connectSocket(other.base, sven);
      await turnOn(one, admin);
      // The other process learns of the policy and of its end of all sessions by the bus.
      await until(() => !socket.raw.connected, { what: 'the end of the socket' });
      socket.close();
      const { app } = await enrol(other, sven);
      const wrong = app.wrong();
      const servers = [one, other];
      const guess = async (challenge_token: string, at: number) =>
        post(servers[at % 2] ?? one, '/mfa/verify', { challenge_token, code: wrong });

      // One attempt counts from the set-up.
      const first = (await beginSignIn(one, sven)).challenge_token;
      for (let at = 0; at < 5; at += 1) assert.equal((await guess(first, at)).status, 401);
      const over = await guess(first, 5);
      assert.deepEqual([over.status, over.detail], [429, 'Too many codes. Please sign in again.']);
      assert.ok(Number(over.headers.get('retry-after')) > 0);

      // Together, so that none can slip past the count of the other.
      const second = (await beginSignIn(other, sven)).challenge_token;
      const many = await Promise.all(Array.from({ length: 4 }, (_, at) => guess(second, at)));
      assert.deepEqual(new Set(many.map(({ status }) => status)), new Set([401]));
      const third = (await beginSignIn(one, sven)).challenge_token;
      const right = app.code();
      for (const server of servers) {
        const { status, detail, headers } = await post(server, '/mfa/verify', {
          challenge_token: third,
          code: right,
        });
        assert.deepEqual([status, detail], [429, BUSY]);
        assert.ok(Number(headers.get('retry-after')) > 800);
      }

      // Sign-ins were counted so far too, though their passwords were right.
      const before = await stateOf(database.url, sven.id);
      assert.equal((before.limits as { password: { count: number } }).password.count, 4);
      const passwords: number[] = [];
      for (let at = 0; at < 8; at += 1) {
        passwords.push(
          (await post(servers[at % 2] ?? one, '/signin', { email: sven.email, password: 'wrong' })).status,
        );
      }
      assert.deepEqual(passwords, [400, 400, 400, 400, 400, 400, 429, 429]);
      assert.equal((await post(one, '/signin', sven)).status, 429);
    } finally {
      await one.terminate();
      await other.terminate();
      await database.drop();
    }
  });

  it('ends for an address that posts without end', async () => {
    await using server = await startServer();
    const admin = await signUp(server);
    await turnOn(server, admin);
    const from = (address: string) =>
      apiClient(server.base).call('POST', `${A}/mfa/verify`, {
        json: { challenge_token: `nobody.${'x'.repeat(43)}`, code: '123456' },
        headers: { 'x-forwarded-for': address },
      });
    const statuses = await Promise.all(Array.from({ length: 101 }, () => from('192.0.2.7')));
    assert.equal(statuses.filter(({ status }) => status === 429).length, 1);
    const refused = await from('192.0.2.7');
    assert.deepEqual([refused.status, refused.headers.get('retry-after')], [429, '900']);
    assert.equal((await from('192.0.2.8')).status, 401);
  });
});

describe('the policy of the second factor', () => {
  it('is changed by people only, and by them as a whole', async () => {
    await using server = await startServer({ env: { ENABLE_API_KEYS: 'true' } });
    const admin = await signUp(server);
    const { api_key } = await admin.ok<{ api_key: string }>('POST', `${A}/api_key`);
    const form = await admin.ok<Form>('GET', `${A}/admin/config`);
    const byKey = apiClient(server.base, api_key);
    const config = { 'auth.mfa.enable': true };
    for (const [path, json] of [
      [`${A}/admin/config`, { ...form, ENABLE_MFA: true }],
      ['/api/v1/configs/import', { config }],
    ] as const) {
      const { status, body } = await byKey.call('POST', path, { json });
      assert.deepEqual(
        [status, (body as Form).detail],
        [403, 'A human administrator session is required to change MFA settings.'],
      );
    }
    const odd = await admin.call('POST', '/api/v1/configs/import', { json: { config: { 'auth.mfa.enable': null } } });
    assert.deepEqual(
      [odd.status, (odd.body as Form).detail],
      [409, 'Unable to update MFA policy. Check configuration and retry.'],
    );
    // What does not change it ends nothing.
    await admin.ok('POST', '/api/v1/configs/import', { json: { config: { 'auth.mfa.enable': false } } });
    await admin.ok('GET', `${A}/`);
    await admin.ok('POST', '/api/v1/configs/import', { json: { config } });
    assert.equal((await admin.call('GET', `${A}/`)).status, 401);
    assert.equal((await beginSignIn(server, admin)).next_step, 'enroll');
  });

  it('lets methods pass that an operator trusts', async () => {
    const env = { WEBUI_AUTH_TRUSTED_EMAIL_HEADER: 'X-Email', ENABLE_MFA: 'true' };
    await using server = await startServer({ env });
    const signIn = () =>
      apiClient(server.base).ok<Form>('POST', `${A}/signin`, {
        json: { email: '', password: '' },
        headers: { 'x-email': 'ada@example.com' },
      });
    const challenge = await signIn();
    assert.equal(challenge.next_step, 'enroll');
    const { token } = await confirm(server, String(challenge.challenge_token));
    const admin = apiClient(server.base, token);
    const form = await admin.ok<Form>('GET', `${A}/admin/config`);
    await admin.ok('POST', `${A}/admin/config`, { json: { ...form, MFA_ALLOW_TRUSTED_HEADER_BYPASS: true } });
    const session = await signIn();
    assert.equal(typeof session.token, 'string');
    const status = await apiClient(server.base, String(session.token)).ok<Form>('GET', `${A}/mfa/status`);
    assert.deepEqual(status, { enabled: true, required: false, recovery_codes_remaining: 10 });
  });

  it('counts for people who come from an identity provider, and keeps where they came from', async () => {
    const idp = await startIdentityProvider();
    await using server = await startServer({
      env: { ...idp.env, ENABLE_OAUTH_SIGNUP: 'true', DEFAULT_USER_ROLE: 'user' },
    });
    try {
      const admin = await signUp(server);
      const boss = await turnOn(server, admin);
      const signInAt = async () => {
        const visitor = newVisitor(server);
        const sent = await visitor.comeBack(idp.agree(await visitor.leave()));
        return { visitor, sent };
      };
      const { visitor, sent } = await signInAt();
      assert.deepEqual([sent.status, sent.location], [307, `${server.base}/auth?mfa=1`]);
      assert.equal(visitor.cookies.get('token'), undefined);
      assert.equal(visitor.cookies.get('oauth_session_id'), undefined);
      const cookie = `mfa_challenge=${visitor.cookies.get('mfa_challenge')}`;
      const challenge = await apiClient(server.base).ok<Challenge>('POST', `${A}/mfa/challenge`, {
        headers: { cookie, origin: server.base },
      });
      assert.equal(challenge.next_step, 'enroll');
      const { codes } = await confirm(server, challenge.challenge_token);

      const again = await signInAt();
      const token = String(again.visitor.cookies.get('mfa_challenge'));
      const json = { challenge_token: token, code: codes[0], recovery: true };
      const done = await post(server, '/mfa/verify', json);
      assert.equal(done.status, 200);
      const claims = JSON.parse(Buffer.from(String(done.body.token).split('.')[1] ?? '', 'base64url').toString());
      assert.deepEqual([claims.auth_method, claims.mfa_verified], ['oauth', true]);
      assert.match(done.headers.getSetCookie().join(), /oauth_session_id=[\w-]{36};[^,]*HttpOnly/);

      const form = await boss.ok<Form>('GET', `${A}/admin/config`);
      await boss.ok('POST', `${A}/admin/config`, { json: { ...form, MFA_ALLOW_OAUTH_BYPASS: true } });
      const trusted = await signInAt();
      assert.equal(trusted.sent.location, `${server.base}/auth`);
      await trusted.visitor.signedIn().ok('GET', `${A}/`);
      // The form does not pass with it.
      assert.equal((await beginSignIn(server, admin)).next_step, 'verify');
    } finally {
      await server.terminate();
      await idp.stop();
    }
  });

  it('stops a start with another key, and with none that is one', async () => {
    await using server = await startServer();
    const admin = await signUp(server);
    await turnOn(server, admin);
    await server.terminate();
    const { dataDir } = server;
    await assert.rejects(startServer({ dataDir, env: { WEBUI_SECRET_KEY: 'another' } }), /stored with another key/);
    await assert.rejects(startServer({ dataDir, env: { MFA_ENCRYPTION_KEY: 'short' } }), /MFA_ENCRYPTION_KEY/);
    await using again = await startServer({ dataDir });
    assert.equal((await beginSignIn(again, admin)).next_step, 'verify');
  });
});

describe('a second factor for people of a directory', { skip: missingDirectory() }, () => {
  it('is asked for, and guessing their passwords ends by account', async () => {
    const directory = await startDirectory();
    await using server = await startServer({ env: { DEFAULT_USER_ROLE: 'user' } });
    try {
      const admin = await signUp(server);
      await directory.add({ uid: 'grace', cn: 'Grace', mail: 'grace@example.org', password: 'compiler-1' });
      const config = `${A}/admin/config/ldap`;
      await admin.ok('POST', `${config}/server`, {
        json: {
          label: 'Example',
          host: 'localhost',
          port: directory.port,
          app_dn: APP.dn,
          app_dn_password: APP.password,
          search_base: BASE,
          use_tls: false,
          start_tls: false,
        },
      });
      await admin.ok('POST', config, { json: { enable_ldap: true } });
      await turnOn(server, admin);
      const signInAs = (password: string) => post(server, '/ldap', { user: 'grace', password });
      const first = await signInAs('compiler-1');
      assert.deepEqual([first.status, first.body.next_step], [200, 'enroll']);
      assert.deepEqual(first.headers.getSetCookie(), []);
      const { token } = await confirm(server, String(first.body.challenge_token));
      await apiClient(server.base, token).ok('GET', `${A}/`);
      // The account is there now, so its tries are counted.
      for (let at = 0; at < 10; at += 1) assert.equal((await signInAs('wrong')).status, 400);
      const over = await signInAs('compiler-1');
      assert.deepEqual([over.status, over.detail], [429, BUSY]);
    } finally {
      await server.terminate();
      await directory.stop();
    }
  });
});

describe('an operator', () => {
  it('lets the owner of a lost authenticator set up a new one, once', async () => {
    await using server = await startServer();
    const admin = await signUp(server);
    await turnOn(server, admin);
    const before = await enrolled(server, admin);
    assert.match((await loggia(server, ['mfa', 'reset', admin.email])).stderr, /--reason/);
    assert.match((await loggia(server, ['mfa', 'reset', 'no@example.com', '--reason', 'x'])).stderr, /no account/);
    const { code, stdout, stderr } = await loggia(server, [
      'mfa',
      'reset',
      'ADA@example.com',
      '--reason',
      'lost phone',
    ]);
    assert.equal(code, 0);
    assert.match(stderr, /"reason":"lost phone"/);
    const ticket = stdout.trim();
    assert.match(ticket, /^[\w-]{43}$/);

    const { challenge_token, next_step } = await beginSignIn(server, admin);
    assert.equal(next_step, 'recover');
    const wrong = await post(server, '/mfa/recover', { challenge_token, reset_token: 'x'.repeat(43) });
    assert.deepEqual([wrong.status, wrong.detail], [401, 'Invalid or expired operator recovery token.']);
    const old = await post(server, '/mfa/verify', { challenge_token, code: before, recovery: true });
    assert.equal(old.status, 401);
    const opened = await post(server, '/mfa/recover', { challenge_token, reset_token: ticket });
    assert.equal(opened.body.next_step, 'enroll');
    // Who stops here starts again, and the ticket is spent.
    const second = await beginSignIn(server, admin);
    assert.equal(second.next_step, 'recover');
    const spent = await post(server, '/mfa/recover', { challenge_token: second.challenge_token, reset_token: ticket });
    assert.equal(spent.status, 401);

    const again = (await loggia(server, ['mfa', 'reset', admin.email, '--reason', 'once more'])).stdout.trim();
    const third = await beginSignIn(server, admin);
    const json = { challenge_token: third.challenge_token, reset_token: again };
    const { body } = await post(server, '/mfa/recover', json);
    const { token } = await confirm(server, String(body.challenge_token));
    assert.equal((await apiClient(server.base, token).call('GET', `${A}/`)).status, 200);
    assert.equal((await beginSignIn(server, admin)).next_step, 'verify');
  });
});

describe('an administrator who has just signed in', () => {
  it('lets others set up a new authenticator, but not the first account', async () => {
    await using server = await startServer({ env: { ENABLE_API_KEYS: 'true' } });
    const admin = await signUp(server);
    // Who came first is told by seconds.
    const made = Math.floor(Date.now() / 1_000);
    await until(() => Date.now() / 1_000 >= made + 1);
    const second = await addAccount(admin, 'second', 'admin');
    const sven = await addAccount(admin, 'sven');
    const { api_key } = await second.ok<{ api_key: string }>('POST', `${A}/api_key`);
    const boss = await turnOn(server, admin);
    const other = await enrol(server, second);
    const phone = await enrol(server, sven);
    const resetOf = async (id: string, token: string, body: unknown = { reason: 'lost phone' }) => {
      const answer = await apiClient(server.base, token).call('POST', `/api/v1/users/${id}/mfa/reset`, { json: body });
      return { status: answer.status, body: answer.body as Form };
    };
    assert.equal((await resetOf(sven.id, phone.token)).status, 401);
    assert.equal((await resetOf(sven.id, api_key)).status, 403);
    assert.equal((await resetOf(admin.id, other.token)).status, 403);
    assert.equal((await resetOf('nobody', other.token)).status, 404);
    assert.equal((await resetOf(sven.id, other.token, { reason: '' })).status, 422);

    const { status, body } = await resetOf(sven.id, other.token);
    assert.equal(status, 200);
    assert.equal((await apiClient(server.base, phone.token).call('GET', `${A}/`)).status, 401);
    const { challenge_token, next_step } = await beginSignIn(server, sven);
    assert.equal(next_step, 'recover');
    const redeemed = await post(server, '/mfa/recover', { challenge_token, reset_token: body.reset_token });
    await confirm(server, String(redeemed.body.challenge_token));
    const told = /auth\.mfa\.reset_requested[^\n]*lost phone/;
    await until(() => told.test(server.output()), { what: 'the line in the log' });
    assert.ok(!server.output().includes(String(body.reset_token)));

    // A session of some time ago is not enough.
    const old = await olderSession(boss.token ?? '');
    assert.deepEqual(await resetOf(sven.id, old), { status: 403, body: { detail: 'reauthentication_required' } });
    const renewed = await post(server, '/mfa/recovery/codes', { code: boss.codes[0], recovery: true }, old);
    assert.deepEqual([renewed.status, renewed.detail], [403, 'reauthentication_required']);
  });
});

/** The same session, begun ten minutes ago. */
async function olderSession(token: string): Promise<string> {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { auth_time: number };
  const key = new TextEncoder().encode('test-secret-key-0123456789abcdef');
  const older = { ...claims, auth_time: claims.auth_time - 600 };
  return new SignJWT(older).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(key);
}

/** A recovery code of an account that is set up. */
async function enrolled(server: TestServer, who: Account): Promise<string> {
  const url = `sqlite:///${join(server.dataDir, 'webui.db')}`;
  return (await reset(server, url, who)).codes[0] ?? '';
}

async function loggia(server: TestServer, args: string[]) {
  const child = spawn(join(resolve(import.meta.dirname, '..'), 'bin', 'loggia'), args, {
    env: {
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '',
      DATA_DIR: server.dataDir,
      WEBUI_SECRET_KEY: 'test-secret-key-0123456789abcdef',
    },
  });
  child.stdin.end();
  const ended = new Promise<number | null>((done) => child.once('exit', done));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, stdout, stderr };
}
