import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type IdentityProvider, startIdentityProvider } from './support/identity-provider.ts';
import { startServer } from './support/server.ts';
import { assertRefused, closeSite, encode, FAILED, openSite, type Site, signInAt } from './support/sign-in-site.ts';
import { newVisitor } from './support/visitor.ts';
import { until } from './support/wait.ts';

describe('hostile and broken sign-ins', () => {
  let site: Site;
  before(async () => {
    site = await openSite();
  });
  after(() => closeSite(site));

  const person = (name: string) => {
    site.idp.reset();
    site.idp.person = { sub: `${name}-sub`, email: `${name}@example.com`, name };
  };
  const logged = (reason: string) =>
    until(() => site.server.output().includes(reason), { what: `"${reason}" in the log` });

  // First: keys are fetched anew only every ten seconds.
  it('takes keys that were replaced under the same id, for the same id token', async () => {
    person('rotated');
    await signInAt(site);
    site.idp.rotate();
    const visitor = await signInAt(site);
    assert.equal(visitor.sent.location, `${site.server.base}/auth`);
    assert.equal(site.idp.asked.filter(({ path }) => path === '/token').length, 2);
  });

  it('refuses a state this browser has not begun, or another one has', async () => {
    person('forged');
    const [own, other] = [newVisitor(site.server), newVisitor(site.server)];
    const query = site.idp.agree(await other.leave());
    await own.leave();
    await assertRefused(site, await own.comeBack(query));
    await assertRefused(site, await newVisitor(site.server).comeBack(query));
    await assertRefused(site, await own.comeBack({ ...query, state: '' }));
    await assertRefused(site, await own.comeBack({ code: query.code ?? '' }));
    own.cookies.set('owui-session', 'eyJhbGciOiJub25lIn0.e30.');
    await assertRefused(site, await own.comeBack(query));
    await logged('this browser has begun no sign-in with this state');
    assert.equal(site.idp.asked.filter(({ path }) => path === '/token').length, 0);
  });

  it('takes each return once, even where the provider takes codes twice', async () => {
    person('replayed');
    site.idp.sloppy = true;
    const visitor = newVisitor(site.server);
    const query = site.idp.agree(await visitor.leave());
    const copied = new Map(visitor.cookies);
    assert.equal((await visitor.comeBack(query)).location, `${site.server.base}/auth`);
    const thief = newVisitor(site.server);
    for (const [name, value] of copied) thief.cookies.set(name, value);
    const sent = await thief.comeBack(query);
    assert.match(sent.location, /\/auth\?error=/);
    assert.equal(thief.cookies.has('token'), false);
    await logged('this sign-in has come back before');
  });

  it('lets two returns at once through once', async () => {
    person('twice');
    site.idp.sloppy = true;
    const visitor = newVisitor(site.server);
    const query = site.idp.agree(await visitor.leave());
    const both = [newVisitor(site.server), newVisitor(site.server)];
    for (const one of both) for (const [name, value] of visitor.cookies) one.cookies.set(name, value);
    const sent = await Promise.all(both.map((one) => one.comeBack(query)));
    assert.deepEqual(sent.map(({ location }) => location.includes('error')).sort(), [false, true]);
  });

  it('keeps the tabs of one browser apart', async () => {
    person('tabs');
    const visitor = newVisitor(site.server);
    const first = site.idp.agree(await visitor.leave());
    const second = site.idp.agree(await visitor.leave());
    assert.equal((await visitor.comeBack(first)).location, `${site.server.base}/auth`);
    assert.equal((await visitor.comeBack(second)).location, `${site.server.base}/auth`);
  });

  it('gives a code without its PKCE verifier no tokens', async () => {
    person('pkce');
    const [victim, thief] = [newVisitor(site.server), newVisitor(site.server)];
    const { code = '' } = site.idp.agree(await victim.leave());
    const { state = '' } = site.idp.agree(await thief.leave());
    await assertRefused(site, await thief.comeBack({ code, state }));
    await logged('the provider answered invalid_grant');
  });

  it('says nothing of what a provider or a browser sends', async () => {
    person('declined');
    const visitor = newVisitor(site.server);
    const { state = '' } = site.idp.agree(await visitor.leave());
    const query = { error: 'access_denied', error_description: 'secret-description', state };
    await assertRefused(site, await visitor.comeBack(query));
    await logged('the provider answered access_denied');
    assert.doesNotMatch(site.server.output(), /secret-description|code-[0-9a-f]{16}|provider-client-secret|@example/);
  });

  const forge = (alg: string, signature: (head: string) => string) => (claims: Record<string, unknown>) => {
    const head = `${encode({ alg, typ: 'JWT', kid: 'key' })}.${encode(claims)}`;
    return `${head}.${signature(head)}`;
  };
  const CASES: Record<string, (idp: IdentityProvider) => void> = {
    'another nonce': (idp) => {
      idp.tweak = (claims) => ({ ...claims, nonce: 'other' });
    },
    'no nonce': (idp) => {
      idp.tweak = ({ nonce: _nonce, ...claims }) => claims;
    },
    'the issuer of somebody else': (idp) => {
      idp.tweak = (claims) => ({ ...claims, iss: 'https://accounts.google.com' });
    },
    'another audience': (idp) => {
      idp.tweak = (claims) => ({ ...claims, aud: 'another-client' });
    },
    'several audiences and another party': (idp) => {
      idp.tweak = (claims) => ({ ...claims, aud: [idp.clientId, 'another'], azp: 'another' });
    },
    'its time over': (idp) => {
      idp.tweak = (claims) => ({ ...claims, iat: 1_000_000, exp: 1_003_600 });
    },
    'no subject': (idp) => {
      idp.tweak = ({ sub: _sub, ...claims }) => claims;
    },
    'the hash of another access token': (idp) => {
      idp.tweak = (claims) => ({ ...claims, at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' });
    },
    'alg none': (idp) => {
      idp.makeIdToken = forge('none', () => '');
    },
    'alg none and a signature': (idp) => {
      idp.makeIdToken = forge('none', () => 'AAAA');
    },
    'a signature made with the client secret': (idp) => {
      idp.makeIdToken = forge('HS256', (head) =>
        createHmac('sha256', idp.clientSecret).update(head).digest('base64url'),
      );
    },
    'the signature of another token': (idp) => {
      idp.makeIdToken = (claims) => {
        const [head, body] = idp.sign(claims).split('.');
        return `${head}.${body}.${idp.sign({ ...claims, sub: 'x' }).split('.')[2]}`;
      };
    },
    'a key that is not published': (idp) => {
      idp.makeIdToken = (claims) => idp.sign(claims, { kid: 'unknown' });
    },
    'nothing of a token': (idp) => {
      idp.makeIdToken = () => 'abc';
    },
  };
  for (const [what, prepare] of Object.entries(CASES)) {
    it(`refuses an id token with ${what}`, async () => {
      person('hostile');
      prepare(site.idp);
      await assertRefused(site, (await signInAt(site)).sent);
    });
  }

  it('refuses a response that says it is of another issuer', async () => {
    person('mixed-up');
    const visitor = newVisitor(site.server);
    const query = { ...site.idp.agree(await visitor.leave()), iss: 'https://attacker.example' };
    await assertRefused(site, await visitor.comeBack(query));
    assert.equal(site.idp.asked.filter(({ path }) => path === '/token').length, 0);
  });

  it('refuses userinfo about somebody else than the id token', async () => {
    person('mixed');
    site.idp.person = { sub: 'mixed-sub', email: 'mixed@example.com' };
    site.idp.userinfo = { sub: 'another', email: 'mixed@example.com', name: 'Another' };
    await assertRefused(site, (await signInAt(site)).sent);
    await logged('userinfo is about another subject than the id token');
  });

  for (const [what, status, type, body] of [
    ['an error', 500, 'text/html', '<h1>broken</h1>'],
    ['no JSON', 200, 'application/json', '{"access_token": "at-secret'],
    ['an endless answer', 200, 'application/json', `{"access_token": "${'x'.repeat(2_000_000)}"}`],
    ['a redirect', 302, 'text/plain', ''],
  ] as const) {
    it(`refuses a token endpoint that answers ${what}`, async () => {
      person('broken');
      site.idp.handlers.set('/token', (_request, response) => {
        response.writeHead(status, { 'content-type': type, location: 'http://127.0.0.1:9/' }).end(body);
      });
      await assertRefused(site, (await signInAt(site)).sent);
      assert.doesNotMatch(site.server.output(), /at-secret/);
    });
  }

  it('waits for a slow provider no longer than it may', async () => {
    person('slow');
    site.idp.handlers.set('/token', () => {});
    const began = performance.now();
    await assertRefused(site, (await signInAt(site)).sent);
    assert.ok(performance.now() - began < 10_000);
    person('trickling');
    site.idp.handlers.set('/token', (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{');
    });
    await assertRefused(site, (await signInAt(site)).sent);
    await logged('"reason":"OAUTH_TIMEOUT"');
  });

  it('sends nobody anywhere but to its own sign-in page', async () => {
    person('redirected');
    const own = `${site.server.base}/auth?error=`;
    const visitor = newVisitor(site.server);
    const hostile = { 'x-forwarded-host': 'evil.example' };
    const to = await visitor.get(
      '/oauth/oidc/login?redirect=https://evil.example&redirect_uri=https://evil.example',
      hostile,
    );
    const asked = new URL(to.location).searchParams;
    assert.equal(asked.get('redirect_uri'), `${site.server.base}/oauth/oidc/callback`);
    assert.doesNotMatch(to.location, /evil/);
    const query = new URLSearchParams({
      code: 'x',
      state: 'x',
      redirect: 'https://evil.example',
      next: '//evil.example',
    });
    const back = await visitor.get(`/oauth/oidc/callback?${query}`, hostile);
    assert.ok(back.location.startsWith(own), back.location);
    for (const path of ['/oauth/%2F%2Fevil.example/login', '/oauth/constructor/login', '/oauth/__proto__/callback']) {
      assert.equal((await visitor.get(path)).status, 404, path);
    }
  });
});

describe('a provider that is dead', () => {
  it('is told on the sign-in page, and asked anew by the next sign-in', async () => {
    const idp = await startIdentityProvider();
    const server = await startServer({ env: { ...idp.env, OAUTH_TIMEOUT: '1' } });
    try {
      idp.handlers.set('/.well-known/openid-configuration', () => {});
      const dead = await newVisitor(server).get('/oauth/oidc/login');
      assert.equal(dead.location, `${server.base}/auth?${new URLSearchParams({ error: FAILED })}`);
      idp.reset();
      assert.ok((await newVisitor(server).leave()).startsWith(`${idp.url}/authorize?`));
      // What is known of it by now serves on; its tokens cannot be had.
      const visitor = newVisitor(server);
      const query = idp.agree(await visitor.leave());
      await idp.stop();
      assert.match((await visitor.comeBack(query)).location, /\/auth\?error=/);
      await until(() => server.output().includes('ECONNREFUSED'));
    } finally {
      await server.stop();
    }
  });
});
