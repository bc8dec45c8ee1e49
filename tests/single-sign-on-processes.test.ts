import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Account, signUp } from './support/client.ts';
import { freshDatabase, missingDatabase } from './support/databases.ts';
import { type IdentityProvider, startIdentityProvider } from './support/identity-provider.ts';
import { startServer, type TestServer } from './support/server.ts';
import { newVisitor, type Visitor } from './support/visitor.ts';
import { until } from './support/wait.ts';

/** Behind a balancer without sticky sessions, and without Redis. */
describe('signing in with two processes', { skip: await missingDatabase('postgresql') }, () => {
  let idp: IdentityProvider;
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let one: TestServer;
  let two: TestServer;
  let admin: Account;

  before(async () => {
    idp = await startIdentityProvider();
    database = await freshDatabase('postgresql');
    const env = {
      ...idp.env,
      DATABASE_URL: database.url,
      ENABLE_OAUTH_BACKCHANNEL_LOGOUT: 'true',
      ENABLE_OAUTH_PERSISTENT_CONFIG: 'true',
      WEBUI_URL: 'https://chat.example',
    };
    one = await startServer({ env });
    two = await startServer({ env });
    admin = await signUp(one);
  });
  after(async () => {
    await Promise.all([one?.stop(), two?.stop()]);
    await idp?.stop();
    await database?.drop();
  });

  /** The same browser, led to the other process. */
  function moved(visitor: Visitor, server: TestServer): Visitor {
    const other = newVisitor(server);
    for (const [name, value] of visitor.cookies) other.cookies.set(name, value);
    return other;
  }

  it('goes out of one and comes back to the other, once', async () => {
    idp.sloppy = true;
    const visitor = newVisitor(one);
    const query = idp.agree(await visitor.leave());
    const others = [moved(visitor, two), moved(visitor, one), moved(visitor, two)];
    const sent = await Promise.all(others.map((other) => other.comeBack(query)));
    const arrived = sent.filter(({ location }) => location === 'https://chat.example/auth');
    assert.equal(arrived.length, 1, JSON.stringify(sent.map(({ location }) => location)));
    const signedIn = others.find(({ cookies }) => cookies.has('token'));
    assert.ok(signedIn);
    for (const server of [one, two]) {
      const session = moved(signedIn, server).signedIn();
      assert.equal((await session.ok<{ email: string }>('GET', '/api/v1/auths/')).email, 'somebody@example.com');
    }
  });

  it('ends in both when the provider tells one', async () => {
    idp.reset();
    const visitor = newVisitor(two);
    await visitor.comeBack(idp.agree(await visitor.leave()));
    const session = visitor.signedIn();
    await session.ok('GET', '/api/v1/auths/');
    const now = Math.floor(Date.now() / 1_000);
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
    const token = idp.sign({ iss: idp.url, aud: idp.clientId, iat: now, jti: 'j', sub: idp.person.sub, events });
    const body = new URLSearchParams({ logout_token: token });
    assert.equal((await fetch(`${one.base}/oauth/backchannel-logout`, { method: 'POST', body })).status, 200);
    await until(async () => (await session.call('GET', '/api/v1/auths/')).status === 401, { ms: 2_000 });
  });

  it('offers in both what was saved in one', async () => {
    const json = { OAUTH_PROVIDER_NAME: 'Renamed' };
    await admin.ok('POST', '/api/v1/auths/admin/config/oauth', { json });
    for (const server of [one, two]) {
      await until(async () => {
        const config = (await (await fetch(`${server.base}/api/config`)).json()) as { oauth: { providers: object } };
        return JSON.stringify(config.oauth.providers) === '{"oidc":"Renamed"}';
      });
    }
  });
});
