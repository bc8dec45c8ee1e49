import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type Account, apiClient, signUp } from './support/client.ts';
import { APP, BASE, type DirectoryServer, missingDirectory, startDirectory } from './support/directory.ts';
import { freePort, startServer, type TestServer } from './support/server.ts';
import { until } from './support/wait.ts';

const ADDRESS = '/api/v1/auths/ldap';
const FAILED = 'LDAP authentication failed.';
const UNKNOWN = 'User not found in the LDAP server';

interface Group {
  id: string;
  name: string;
  description: string;
}

describe('sign-in by LDAP', { skip: missingDirectory() }, () => {
  let directory: DirectoryServer;
  let server: TestServer;
  let admin: Account;

  const base = () => ({
    label: 'Example',
    host: 'localhost',
    port: directory.port,
    app_dn: APP.dn,
    app_dn_password: APP.password,
    search_base: BASE,
    use_tls: false,
    start_tls: false,
    certificate_path: directory.authority,
  });
  const setUp = async (changes: Record<string, unknown> = {}) => {
    await admin.ok('POST', '/api/v1/auths/admin/config/ldap/server', { json: { ...base(), ...changes } });
  };
  const attempt = async (user: string, password: string) => {
    const answer = await apiClient(server.base).call('POST', ADDRESS, { json: { user, password } });
    const { detail } = answer.body as { detail?: string };
    return { ...answer, outcome: [answer.status, detail] };
  };
  const accounts = async () =>
    (await admin.ok<{ total: number }>('GET', '/api/v1/users/', { query: { page: '1' } })).total;

  before(async () => {
    [directory, server] = await Promise.all([startDirectory(), startServer()]);
    admin = await signUp(server);
    await directory.add({ uid: 'Grace', cn: 'Grace Hopper', mail: 'Grace@Example.org', password: 'compiler-1' });
    // One for each part: how often one name may be tried is limited.
    for (const [uid, cn] of [
      ['hedy', 'Hedy Lamarr'],
      ['mary', 'Mary Shaw'],
    ] as const) {
      await directory.add({ uid, cn, mail: `${uid}@example.org`, password: 'compiler-1' });
    }
    await directory.add({ uid: 'nomail', cn: 'No Mail', password: 'nomail-1' });
    await directory.add({ uid: 'star*', cn: 'Star Name', mail: 'star@example.org', password: 'star-1' });
  });
  after(async () => {
    await server?.stop();
    await directory?.stop();
  });

  it('is refused until an administrator switches it on', async () => {
    assert.deepEqual((await attempt('grace', 'compiler-1')).outcome, [400, 'LDAP authentication is not enabled']);
    await admin.ok('POST', '/api/v1/auths/admin/config/ldap', { json: { enable_ldap: true } });
    await setUp();
    const { features } = await apiClient(server.base).ok<{ features: { enable_ldap: boolean } }>('GET', '/api/config');
    assert.equal(features.enable_ldap, true);
  });

  it('makes an account at the first sign-in and finds it at the next, whatever the case', async () => {
    const first = await attempt('grace', 'compiler-1');
    assert.equal(first.status, 200);
    const made = first.body as { id: string; email: string; name: string; role: string; token: string };
    assert.deepEqual([made.email, made.name, made.role], ['grace@example.org', 'Grace Hopper', 'pending']);
    assert.match(first.headers.get('set-cookie') ?? '', /^token=[^;]+;.*HttpOnly/);
    assert.equal(first.headers.get('cache-control'), 'no-store');
    assert.equal((await apiClient(server.base, made.token).call('GET', '/api/v1/auths/')).status, 200);
    const again = await attempt('GRACE', 'compiler-1');
    assert.equal((again.body as { id: string }).id, made.id);
  });

  it('does not let the account in by password, and makes one account of two first sign-ins at once', async () => {
    await directory.add({ uid: 'twin', cn: 'Twin', mail: 'twin@example.org', password: 'twin-1' });
    const answers = await Promise.all([
      attempt('twin', 'twin-1'),
      attempt('twin', 'twin-1'),
      attempt('twin', 'twin-1'),
    ]);
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.equal(new Set(answers.map(({ body }) => (body as { id: string }).id)).size, 1);
    const local = await apiClient(server.base).call('POST', '/api/v1/auths/signin', {
      json: { email: 'twin@example.org', password: 'twin-1' },
    });
    assert.equal(local.status, 400);
  });

  it('refuses a wrong password, an unknown name and an empty password, each with its reason', async () => {
    const before = await accounts();
    assert.deepEqual((await attempt('nomail', 'wrong')).outcome, [400, 'User does not have a valid email address.']);
    assert.deepEqual((await attempt('star*', 'wrong')).outcome, [400, 'Authentication failed.']);
    assert.deepEqual((await attempt('nobody', 'x')).outcome, [400, UNKNOWN]);
    assert.deepEqual((await attempt('', 'x')).outcome, [400, UNKNOWN]);
    for (const empty of ['', '   ']) {
      const [status, detail] = (await attempt('star*', empty)).outcome;
      assert.equal(status, 400);
      assert.match(String(detail), /email or password provided is incorrect/);
    }
    const bad = await apiClient(server.base).call('POST', ADDRESS, { json: { user: ['x'], password: 'x' } });
    assert.deepEqual([bad.status, bad.body], [422, { detail: 'Invalid authentication request.' }]);
    assert.equal(await accounts(), before);
  });

  it('takes a name as a name, never as part of a filter', async () => {
    const before = await accounts();
    const hostile = [
      '*',
      'gra*',
      'grace)(uid=*',
      '*)(|(uid=*',
      'grace)(&)',
      'x)(|(objectClass=*)',
      'grace\u0000',
      '\\2a',
      'grace\\00)(cn=*',
      'uid=grace,ou=people,dc=example,dc=org',
      `(${'('.repeat(200)}`,
      'g'.repeat(10_000),
    ];
    for (const user of hostile) {
      assert.deepEqual((await attempt(user, 'compiler-1')).outcome, [400, UNKNOWN], JSON.stringify(user).slice(0, 60));
    }
    assert.equal(await accounts(), before);
    // A name that holds such a character still is one.
    assert.equal((await attempt('star*', 'star-1')).status, 200);
  });

  it('makes an address of the name where the directory has none and a domain is set', async () => {
    await setUp({ default_email_domain: 'corp.example' });
    const { status, body } = await attempt('nomail', 'nomail-1');
    assert.deepEqual([status, (body as { email: string }).email], [200, 'nomail@corp.example']);
  });

  it('lets in only who matches the search filter, written as one or as several', async () => {
    await directory.modify('nomail', 'employeeType', ['staff']);
    for (const search_filters of [
      '(employeeType=staff)',
      'employeeType=staff',
      '(objectClass=person)(employeeType=staff)',
    ]) {
      await setUp({ search_filters, default_email_domain: 'corp.example' });
      assert.equal((await attempt('nomail', 'nomail-1')).status, 200, search_filters);
      assert.deepEqual((await attempt('grace', 'compiler-1')).outcome, [400, UNKNOWN], search_filters);
    }
    await setUp({ search_filters: '((broken' });
    assert.deepEqual((await attempt('grace', 'compiler-1')).outcome, [400, FAILED]);
  });

  it('says when the application is refused, or what it searches in is not there', async () => {
    await setUp({ app_dn_password: 'wrong-secret' });
    assert.deepEqual((await attempt('grace', 'compiler-1')).outcome, [400, 'Application account bind failed']);
    await setUp({ search_base: 'dc=elsewhere' });
    assert.deepEqual((await attempt('grace', 'compiler-1')).outcome, [400, UNKNOWN]);
    assert.ok(!/wrong-secret|compiler-1|directory-reader/.test(server.output()), 'a secret is in the log');
  });

  describe('over TLS', () => {
    it('works with LDAPS and with StartTLS where the certificate is right', async () => {
      await setUp({ use_tls: true, port: directory.tlsPort });
      assert.equal((await attempt('hedy', 'compiler-1')).status, 200);
      await setUp({ start_tls: true });
      assert.equal((await attempt('hedy', 'compiler-1')).status, 200);
      await setUp({ use_tls: true, start_tls: true });
      assert.equal((await attempt('hedy', 'compiler-1')).status, 200);
    });

    it('refuses a certificate of an unknown authority or another name, unless told not to look', async () => {
      for (const kind of [{ use_tls: true, port: directory.tlsPort }, { start_tls: true }]) {
        await setUp({ ...kind, certificate_path: '' });
        assert.deepEqual((await attempt('hedy', 'compiler-1')).outcome, [400, FAILED]);
        await setUp({ ...kind, host: '127.0.0.1' });
        assert.deepEqual((await attempt('hedy', 'compiler-1')).outcome, [400, FAILED]);
        await setUp({ ...kind, host: '127.0.0.1', certificate_path: '', validate_cert: false });
        assert.equal((await attempt('hedy', 'compiler-1')).status, 200);
      }
    });

    it('says when certificates or ciphers cannot be used', async () => {
      const text = 'Failed to configure TLS for LDAP connection.';
      await setUp({ use_tls: true, port: directory.tlsPort, certificate_path: '/nowhere/ca.pem' });
      assert.deepEqual((await attempt('hedy', 'compiler-1')).outcome, [400, text]);
      await setUp({ use_tls: true, port: directory.tlsPort, ciphers: 'NO-SUCH-CIPHER' });
      assert.deepEqual((await attempt('hedy', 'compiler-1')).outcome, [400, text]);
      await setUp({ use_tls: true, port: directory.tlsPort, ciphers: 'ECDHE+AESGCM' });
      assert.equal((await attempt('hedy', 'compiler-1')).status, 200);
    });

    it('keeps StartTLS when the web client, which does not know it, saves its form', async () => {
      await setUp({ start_tls: true });
      const { start_tls: shown, ...form } = await admin.ok('GET', '/api/v1/auths/admin/config/ldap/server');
      assert.equal(shown, true);
      const saved = await admin.ok('POST', '/api/v1/auths/admin/config/ldap/server', { json: form });
      assert.equal(saved.start_tls, true);
    });
  });

  describe('with groups', () => {
    const groupsOf = async (name: string) => {
      const { users } = await admin.ok<{ users: { id: string; email: string }[] }>('GET', '/api/v1/users/');
      const id = users.find(({ email }) => email === `${name}@example.org`)?.id ?? '';
      const groups = await admin.ok<Group[]>('GET', `/api/v1/users/${id}/groups`);
      return groups.map((group) => group.name).toSorted();
    };
    const all = async () => (await admin.ok<Group[]>('GET', '/api/v1/groups/')).map(({ name }) => name).toSorted();

    before(async () => {
      await directory.add({ uid: 'member', cn: 'Group Member', mail: 'member@example.org', password: 'member-1' });
      await directory.group('engineers', ['member']);
      await directory.group('Sales, EMEA', ['member']);
      await admin.ok('POST', '/api/v1/groups/create', { json: { name: 'engineers', description: 'ours' } });
      await admin.ok('POST', '/api/v1/groups/create', { json: { name: 'local', description: 'ours' } });
    });

    it('leaves groups alone unless told to manage them', async () => {
      await setUp();
      assert.equal((await attempt('member', 'member-1')).status, 200);
      assert.deepEqual(await groupsOf('member'), []);
    });

    it('makes the user a member of those that exist', async () => {
      await setUp({ enable_group_management: true });
      await attempt('member', 'member-1');
      assert.deepEqual(await groupsOf('member'), ['engineers']);
      assert.deepEqual(await all(), ['engineers', 'local']);
    });

    it('makes those that are missing, once, also at two sign-ins at once', async () => {
      await directory.add({ uid: 'other', cn: 'Other', mail: 'other@example.org', password: 'other-1' });
      await directory.group('Sales, EMEA', ['member', 'other']);
      await setUp({ enable_group_management: true, enable_group_creation: true });
      await Promise.all([attempt('member', 'member-1'), attempt('other', 'other-1')]);
      assert.deepEqual(await all(), ['Sales, EMEA', 'engineers', 'local']);
      assert.deepEqual(await groupsOf('member'), ['Sales, EMEA', 'engineers']);
      assert.deepEqual(await groupsOf('other'), ['Sales, EMEA']);
    });

    it('takes the user out of what the directory no longer names, at the next sign-in', async () => {
      await directory.group('engineers', []);
      await attempt('member', 'member-1');
      assert.deepEqual(await groupsOf('member'), ['Sales, EMEA']);
    });
  });

  describe('when the directory is in trouble', () => {
    /** A server that takes connections and does with them what it is told. */
    const fake = async (answer: (socket: Socket) => void): Promise<{ port: number; server: Server; stop(): void }> => {
      const sockets = new Set<Socket>();
      const one = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => {});
        answer(socket);
      }).listen(0, '127.0.0.1');
      await once(one, 'listening');
      const address = one.address();
      if (typeof address !== 'object' || !address) throw new Error('no port');
      const stop = () => {
        for (const socket of sockets) socket.destroy();
        one.close();
      };
      return { port: address.port, server: one, stop };
    };

    it('answers at once where nobody listens or what listens is no directory', async () => {
      await setUp({ port: await freePort() });
      assert.deepEqual((await attempt('mary', 'compiler-1')).outcome, [400, FAILED]);
      const garbage = await fake((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
      try {
        await setUp({ port: garbage.port });
        assert.deepEqual((await attempt('mary', 'compiler-1')).outcome, [400, FAILED]);
        await setUp({ port: garbage.port, start_tls: true });
        assert.deepEqual((await attempt('mary', 'compiler-1')).outcome, [400, FAILED]);
      } finally {
        garbage.stop();
      }
    });

    it('gives up on one that never answers, lets only so many wait, and serves others meanwhile', async () => {
      let connections = 0;
      const silent = await fake(() => {
        connections += 1;
      });
      try {
        await setUp({ port: silent.port });
        const started = performance.now();
        const waiting = attempt('mary', 'compiler-1');
        const crowd = Array.from({ length: 99 }, (_, at) => attempt(`crowd-${at}`, 'x'));
        await until(() => connections === 100);
        const { status, headers } = await attempt('mary', 'compiler-1');
        assert.equal(status, 503);
        assert.ok(headers.get('retry-after'));
        assert.equal((await admin.call('GET', '/api/v1/auths/')).status, 200);
        assert.deepEqual((await waiting).outcome, [400, FAILED]);
        assert.ok(performance.now() - started < 15_000);
        assert.deepEqual(new Set((await Promise.all(crowd)).map((one) => one.status)), new Set([400]));
      } finally {
        silent.stop();
      }
    });

    it('never goes on without protection when a connection with StartTLS is lost', async () => {
      const seen: Buffer[] = [];
      // Takes StartTLS, then hangs up in the middle of the handshake; a second connection would get a password in clear.
      const cutting = await fake((socket) => {
        socket.once('data', (request) => {
          const accepted = Buffer.from('300c02010078070a010004000400', 'hex');
          accepted[4] = Buffer.from(request)[4] ?? 0;
          socket.write(accepted);
          socket.once('data', () => socket.destroy());
        });
        socket.on('data', (data) => seen.push(Buffer.from(data)));
      });
      try {
        await setUp({ port: cutting.port, start_tls: true });
        assert.deepEqual((await attempt('mary', 'compiler-1')).outcome, [400, FAILED]);
        const sent = Buffer.concat(seen).toString('latin1');
        assert.ok(!sent.includes(APP.password) && !sent.includes('compiler-1'));
      } finally {
        cutting.stop();
      }
    });
  });

  it('limits how often a password is tried for one name', async () => {
    await setUp();
    const outcomes: number[] = [];
    for (let round = 0; round < 17; round += 1) outcomes.push((await attempt('limited', 'x')).status);
    assert.deepEqual(outcomes.slice(0, 15), Array(15).fill(400));
    const { status, headers } = await attempt('LIMITED', 'x');
    assert.equal(status, 429);
    assert.ok(Number(headers.get('retry-after')) > 0);
  });

  // The last: it ends every session.
  it('goes on to the second factor where one is asked for', async () => {
    await setUp();
    const { users } = await admin.ok<{ users: { id: string; email: string }[] }>('GET', '/api/v1/users/');
    const twin = users.find(({ email }) => email === 'twin@example.org');
    await admin.ok('POST', `/api/v1/users/${twin?.id}/update`, { json: { role: 'user' } });
    const form = await admin.ok<Record<string, unknown>>('GET', '/api/v1/auths/admin/config');
    await admin.ok('POST', '/api/v1/auths/admin/config', { json: { ...form, ENABLE_MFA: true } });
    const challenge = await attempt('twin', 'twin-1');
    assert.deepEqual([challenge.status, (challenge.body as { next_step: string }).next_step], [200, 'enroll']);
    assert.equal(challenge.headers.get('set-cookie'), null);
    assert.equal((challenge.body as { token?: string }).token, undefined);
    // Who waits for approval gets no further.
    await directory.add({ uid: 'late', cn: 'Late', mail: 'late@example.org', password: 'late-1' });
    assert.deepEqual((await attempt('late', 'late-1')).body, { next_step: 'pending' });
  });
});
