import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { apiClient } from './support/client.ts';
import { startIdentityProvider } from './support/identity-provider.ts';
import { startServer } from './support/server.ts';
import {
  accountsLike,
  closeSite,
  encode,
  openSite,
  PROHIBITED,
  type Shown,
  type Site,
  settings,
  signInAt,
} from './support/sign-in-site.ts';
import { newVisitor, type Visitor } from './support/visitor.ts';

describe('a provider and a second factor', () => {
  it('are both asked for, and the wait for an administrator comes before', async () => {
    const idp = await startIdentityProvider();
    const server = await startServer({ env: { ...idp.env, ENABLE_MFA: 'true', DEFAULT_USER_ROLE: 'pending' } });
    try {
      const arrive = async () => {
        const visitor = newVisitor(server);
        const { location, cookies } = await visitor.comeBack(idp.agree(await visitor.leave()));
        const kept = Object.keys(cookies).filter((name) => cookies[name] !== '');
        return { visitor, page: location.slice(server.base.length), kept };
      };
      // The first account is its administrator.
      const { visitor, page, kept } = await arrive();
      assert.deepEqual([page, kept], ['/auth?mfa=1', ['mfa_challenge']]);
      const challenge = await apiClient(server.base).ok<{ next_step: string }>('POST', '/api/v1/auths/mfa/challenge', {
        headers: { cookie: visitor.cookie(), origin: server.base },
      });
      assert.equal(challenge.next_step, 'enroll');
      idp.person = { sub: 'second', email: 'second@example.com', name: 'Second' };
      const { page: waits, kept: nothing } = await arrive();
      assert.deepEqual([waits, nothing], ['/auth?pending=1', []]);
    } finally {
      await server.stop();
      await idp.stop();
    }
  });
});

describe('sign-out told by the provider', () => {
  let site: Site;
  before(async () => {
    site = await openSite({ ENABLE_OAUTH_BACKCHANNEL_LOGOUT: 'true' });
  });
  after(() => closeSite(site));

  const tell = (token: string) =>
    fetch(`${site.server.base}/oauth/backchannel-logout`, {
      method: 'POST',
      body: new URLSearchParams({ logout_token: token }),
    });
  const claims = (extra: Record<string, unknown>) => {
    const now = Math.floor(Date.now() / 1_000);
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
    return { iss: site.idp.url, aud: site.idp.clientId, iat: now, exp: now + 120, jti: 'j', events, ...extra };
  };
  const alive = async (visitor: Visitor) => (await visitor.signedIn().call('GET', '/api/v1/auths/')).status === 200;
  const signInAs = (sub: string, extra: Record<string, unknown> = {}) => {
    site.idp.reset();
    site.idp.person = { sub, email: `${sub}@example.com`, name: sub };
    site.idp.tweak = (one) => ({ ...one, ...extra });
    return signInAt(site);
  };

  it('ends every session of the account, without Redis', async () => {
    const [one, two, other] = [await signInAs('gone'), await signInAs('gone'), await signInAs('stays')];
    assert.equal((await tell(site.idp.sign(claims({ sub: 'gone' })))).status, 200);
    assert.deepEqual([await alive(one), await alive(two), await alive(other)], [false, false, true]);
    assert.equal(await alive(await signInAs('gone')), true);
  });

  it('knows sessions by the name the provider gave them', async () => {
    const [one, other] = [await signInAs('by-sid', { sid: 's-1' }), await signInAs('other-sid', { sid: 's-2' })];
    assert.equal((await tell(site.idp.sign(claims({ sid: 's-1' })))).status, 200);
    assert.deepEqual([await alive(one), await alive(other)], [false, true]);
  });

  it('refuses what the provider has not said', async () => {
    const visitor = await signInAs('safe');
    const head = (alg: string) =>
      `${encode({ alg, typ: 'logout+jwt', kid: 'key' })}.${encode(claims({ sub: 'safe' }))}`;
    const forged = [
      `${head('none')}.`,
      `${head('HS256')}.${createHmac('sha256', site.idp.clientSecret).update(head('HS256')).digest('base64url')}`,
      site.idp.sign(claims({ sub: 'safe', aud: 'another' })),
      site.idp.sign(claims({ sub: 'safe', exp: 1_000_000 })),
      site.idp.sign(claims({ sub: 'safe', iat: undefined })),
      site.idp.sign(claims({ sub: 'safe' }), { kid: 'unknown' }),
      `${site.idp
        .sign(claims({ sub: 'other' }))
        .split('.')
        .slice(0, 2)
        .join('.')}.AAAA`,
      site.idp.sign(claims({ sub: 'safe', events: undefined })),
    ];
    for (const token of forged) {
      const answer = await tell(token);
      assert.equal(answer.status, 400, token);
      assert.equal(((await answer.json()) as { error: string }).error, 'invalid_request');
    }
    assert.equal(await alive(visitor), true);
  });
});

describe('a session for a token of the provider', () => {
  let site: Site;
  before(async () => {
    site = await openSite({
      ENABLE_OAUTH_TOKEN_EXCHANGE: 'true',
      OAUTH_TOKEN_EXCHANGE_TRUSTED_CLIENT_IDS: 'desktop, phone',
      OAUTH_TOKEN_EXCHANGE_RATE_LIMIT: '8',
      OAUTH_TOKEN_EXCHANGE_RATE_LIMIT_WINDOW: '3600',
    });
  });
  after(() => closeSite(site));

  it('is given to programs that are trusted, for people who are known, so many times', async () => {
    const exchange = async (token: string) => {
      const path = '/api/v1/auths/oauth/oidc/token/exchange';
      const { status, body } = await apiClient(site.server.base).call('POST', path, { json: { token } });
      const { detail, token: session } = body as { detail?: string; token?: string };
      return session
        ? `session of ${(await apiClient(site.server.base, session).ok<Shown>('GET', '/api/v1/auths/')).email}`
        : `${status} ${detail}`;
    };
    const untold = '400 Unable to determine which client the token was issued to';
    assert.equal(await exchange('at-1'), untold);
    site.idp.introspection = { active: true };
    assert.equal(await exchange('at-1'), untold);
    site.idp.introspection = { active: true, client_id: 'stranger' };
    assert.equal(await exchange('at-1'), `403 ${PROHIBITED}`);
    site.idp.introspection = { active: true, client_id: 'phone' };
    assert.equal(await exchange('at-1'), '403 User not found. Please sign in via the web interface first.');
    assert.equal(await accountsLike(site, 'somebody'), 0);
    const { introspection } = site.idp;
    await signInAt(site);
    assert.equal(await exchange('at-1'), 'session of somebody@example.com');
    site.idp.userinfo = { ...site.idp.person, email: 'other@elsewhere.example' };
    const back = await settings(site, { OAUTH_ALLOWED_DOMAINS: 'example.com' });
    assert.equal(await exchange('at-1'), `403 ${PROHIBITED}`);
    await back();
    const strict = await settings(site, { ENABLE_OAUTH_ROLE_MANAGEMENT: true });
    assert.equal(await exchange('at-1'), `403 ${PROHIBITED}`);
    await strict();
    assert.equal(introspection, site.idp.introspection);
    assert.equal(await exchange('bad'), '400 Invalid token or unable to validate with provider');
    assert.equal(await exchange('at-1'), '429 API rate limit exceeded');
  });
});
