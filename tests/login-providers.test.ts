import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { SignJWT } from 'jose';
import { apiClient, signUp } from './support/client.ts';
import { type Internet, startInternet } from './support/internet.ts';
import { startServer, type TestServer } from './support/server.ts';
import { newVisitor } from './support/visitor.ts';

const HOSTS = [
  'github.com',
  'api.github.com',
  'accounts.google.com',
  'login.microsoftonline.com',
  'graph.microsoft.com',
  'open.feishu.cn',
];
const PNG = Buffer.from('iVBORw0KGgo=', 'base64');
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const basic = (id: string) => `Basic ${Buffer.from(`${id}:${id}-secret`).toString('base64')}`;

interface Me {
  id: string;
  email: string;
  name: string;
  profile_image_url: string;
}

/** The login providers that have addresses of their own, which are played here. */
describe('signing in at', () => {
  let internet: Internet;
  let server: TestServer;

  before(async () => {
    internet = await startInternet(HOSTS);
    server = await startServer({
      env: {
        ...internet.env,
        ENABLE_OAUTH_SIGNUP: 'true',
        ENABLE_OAUTH_EMAIL_FALLBACK: 'true',
        OAUTH_MERGE_ACCOUNTS_BY_EMAIL: 'true',
        DEFAULT_USER_ROLE: 'user',
        GITHUB_CLIENT_ID: 'hub',
        GITHUB_CLIENT_SECRET: 'hub-secret',
        GOOGLE_CLIENT_ID: 'goo',
        GOOGLE_CLIENT_SECRET: 'goo-secret',
        GOOGLE_OAUTH_AUTHORIZE_PARAMS: '{"prompt": "consent"}',
        MICROSOFT_CLIENT_ID: 'micro',
        MICROSOFT_CLIENT_SECRET: 'micro-secret',
        MICROSOFT_CLIENT_TENANT_ID: 'common',
        FEISHU_CLIENT_ID: 'fei',
        FEISHU_CLIENT_SECRET: 'fei-secret',
        OAUTH_AUTHORIZE_PARAMS: '{"hd": "example.com"}',
      },
    });
    await signUp(server);
  });
  after(async () => {
    await server?.stop();
    await internet?.stop();
  });
  beforeEach(() => {
    internet.pages.clear();
    internet.asked.length = 0;
  });

  const visit = async (provider: string) => {
    const visitor = newVisitor(server);
    const there = new URL(await visitor.leave(provider));
    const back = async (code = 'c-1') =>
      visitor.comeBack({ code, state: there.searchParams.get('state') ?? '' }, provider);
    return { visitor, there, asked: Object.fromEntries(there.searchParams), back };
  };
  const me = (visitor: ReturnType<typeof newVisitor>) => visitor.signedIn().ok<Me>('GET', '/api/v1/auths/');
  const at = (url: string) => internet.asked.filter((one) => one.url === url);

  it('any of them is offered', async () => {
    const { oauth } = await apiClient(server.base).ok<{ oauth: { providers: object } }>('GET', '/api/config');
    assert.deepEqual(oauth.providers, { google: 'google', microsoft: 'microsoft', github: 'github', feishu: 'feishu' });
  });

  it('GitHub, with an address that is told apart', async () => {
    internet.pages.set('github.com/login/oauth/access_token', ({ form }) => ({
      body:
        form.get('code') === 'c-1'
          ? { access_token: 'gho_1', token_type: 'bearer', scope: 'user:email' }
          : { error: 'bad_verification_code' },
    }));
    internet.pages.set('api.github.com/user', () => ({
      body: { id: 583231, login: 'octo', name: 'Octo Cat', email: null },
    }));
    internet.pages.set('api.github.com/user/emails', () => ({
      body: [
        { email: 'second@example.com', primary: false, verified: true },
        { email: 'Octo@Example.com', primary: true, verified: true },
      ],
    }));
    const { visitor, there, asked, back } = await visit('github');
    assert.equal(there.origin + there.pathname, 'https://github.com/login/oauth/authorize');
    const { state, ...fixed } = asked;
    assert.ok(state);
    assert.deepEqual(fixed, {
      client_id: 'hub',
      hd: 'example.com',
      redirect_uri: `${server.base}/oauth/github/callback`,
      response_type: 'code',
      scope: 'user:email',
    });
    assert.equal((await back()).location, `${server.base}/auth`);
    const { email, name } = await me(visitor);
    assert.deepEqual([email, name], ['octo@example.com', 'Octo Cat']);
    assert.equal(at('github.com/login/oauth/access_token')[0]?.headers.authorization, basic('hub'));
    for (const { headers } of at('api.github.com/user')) {
      assert.equal(headers.authorization, 'Bearer gho_1');
      assert.ok(headers['user-agent'], 'GitHub answers nobody without');
    }
    assert.match((await (await visit('github')).back('bad')).location, /\/auth\?error=/);
  });

  it('Feishu, whose claims are wrapped', async () => {
    internet.pages.set('open.feishu.cn/open-apis/authen/v2/oauth/token', () => ({
      body: { code: 0, access_token: 'u-1', token_type: 'Bearer', expires_in: 7_200 },
    }));
    internet.pages.set('open.feishu.cn/open-apis/authen/v1/user_info', () => ({
      body: { code: 0, msg: 'success', data: { user_id: 'U1', open_id: 'ou_1', name: '张三', email: '' } },
    }));
    const { visitor, there, asked, back } = await visit('feishu');
    assert.equal(there.origin + there.pathname, 'https://accounts.feishu.cn/open-apis/authen/v1/authorize');
    assert.equal(asked.scope, 'contact:user.base:readonly');
    assert.equal(asked.code_challenge, undefined);
    assert.equal((await back()).location, `${server.base}/auth`);
    const { email, name } = await me(visitor);
    assert.deepEqual([email, name], ['feishu@u1.local', '张三']);
  });

  const openid = (host: string, issuer: string, token: string, extra: object = {}) => ({
    body: {
      issuer,
      authorization_endpoint: `https://${host}/authorize`,
      token_endpoint: `https://${host}${token}`,
      jwks_uri: `https://${host}/keys`,
      userinfo_endpoint: `https://${host}/userinfo`,
      id_token_signing_alg_values_supported: ['RS256'],
      ...extra,
    },
  });
  const keys = () => ({ body: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k', use: 'sig' }] } });
  const idToken = (claims: Record<string, unknown>) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey);

  it('Google, with PKCE and its own parameters', async () => {
    const issuer = 'https://accounts.google.com';
    const extra = { code_challenge_methods_supported: ['plain', 'S256'] };
    internet.pages.set('accounts.google.com/.well-known/openid-configuration', () =>
      openid('accounts.google.com', issuer, '/token', extra),
    );
    internet.pages.set('accounts.google.com/keys', keys);
    const { visitor, asked, back } = await visit('google');
    assert.deepEqual([asked.prompt, asked.hd, asked.code_challenge_method], ['consent', 'example.com', 'S256']);
    const claims = { iss: issuer, aud: 'goo', sub: '1', nonce: asked.nonce, email: 'g@example.com', name: 'Gina' };
    const token = await idToken(claims);
    internet.pages.set('accounts.google.com/token', ({ form }) => {
      assert.ok(form.get('code_verifier'));
      return { body: { access_token: 'ya29', token_type: 'Bearer', expires_in: 3_599, id_token: token } };
    });
    assert.equal((await back()).location, `${server.base}/auth`);
    assert.equal((await me(visitor)).email, 'g@example.com');
    assert.deepEqual(at('accounts.google.com/userinfo'), []);
  });

  it('Microsoft, by people of any organisation, whose word alone proves no address', async () => {
    const host = 'login.microsoftonline.com';
    const pattern = `https://${host}/{tenantid}/v2.0`;
    internet.pages.set(`${host}/common/v2.0/.well-known/openid-configuration`, () =>
      openid(host, pattern, '/common/token'),
    );
    internet.pages.set(`${host}/keys`, keys);
    internet.pages.set('graph.microsoft.com/v1.0/me/photo/$value', ({ headers }) =>
      headers.authorization === 'Bearer ms-1' ? { body: PNG, type: 'image/png' } : { status: 401, body: {} },
    );
    const signIn = async (change: Record<string, unknown>) => {
      const { visitor, asked, back } = await visit('microsoft');
      const tid = '9122040d-6c67-4c5b-b112-36a304b66dad';
      const standard = { iss: pattern.replace('{tenantid}', tid), aud: 'micro', tid, nonce: asked.nonce };
      const token = await idToken({ ...standard, sub: 's-1', email: 'm@example.com', name: 'Mia', ...change });
      internet.pages.set(`${host}/common/token`, () => ({
        body: { access_token: 'ms-1', token_type: 'Bearer', expires_in: 3_599, id_token: token },
      }));
      return { visitor, location: (await back()).location };
    };
    const { visitor, location } = await signIn({});
    assert.equal(location, `${server.base}/auth`);
    assert.equal(at(`${host}/common/v2.0/.well-known/openid-configuration`)[0]?.query.get('appid'), 'micro');
    const mia = await me(visitor);
    assert.equal(mia.profile_image_url, `data:image/png;base64,${PNG.toString('base64')}`);
    const failed = /\/auth\?error=/;
    assert.match((await signIn({ iss: `https://${host}/another/v2.0` })).location, failed);
    assert.match((await signIn({ iss: 'https://evil.example/v2.0' })).location, failed);
    // Another organisation says that somebody of its own has Mia's address.
    assert.match((await signIn({ sub: 'thief' })).location, /already\+registered/);
    const vouched = await signIn({ sub: 's-2', xms_edov: true });
    assert.equal((await me(vouched.visitor)).id, mia.id);
  });
});
