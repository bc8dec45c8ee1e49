import { createHash, createSign, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Claims = Record<string, unknown>;
type Reply = [status: number, body: unknown];
type Handler = (request: IncomingMessage, response: ServerResponse, form: URLSearchParams) => void;

interface Asked {
  path: string;
  authorization: string | undefined;
  form: Record<string, string>;
}

interface Grant {
  nonce: string | null;
  challenge: string | null;
}

/** An OpenID provider that does what a test says, right or wrong. */
export interface IdentityProvider {
  url: string;
  clientId: string;
  clientSecret: string;
  discovery: string;
  /** Environment of a server whose people sign in here. */
  env: Record<string, string>;
  /** Who agrees next. */
  person: Claims;
  /** Stands in for what userinfo says of the person. */
  userinfo: Claims | null;
  /** Changes the claims of id tokens. */
  tweak: ((claims: Claims) => Claims) | null;
  /** Makes the id token of claims; signs them where it is null. */
  makeIdToken: ((claims: Claims) => string) | null;
  /** Members of the next token responses. */
  tokens: Claims;
  /** Answers a path in place of the provider. */
  handlers: Map<string, Handler>;
  /** Takes a code more than once. */
  sloppy: boolean;
  introspection: Claims;
  asked: Asked[];
  sign(claims: Claims, header?: Claims, key?: KeyObject): string;
  /** A new key under the same id. */
  rotate(): void;
  /** What the browser brings back when the person agrees. */
  agree(authorizationUrl: string): Record<string, string>;
  reset(): void;
  stop(): Promise<void>;
}

const newKey = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export async function startIdentityProvider(): Promise<IdentityProvider> {
  let keys = newKey();
  const codes = new Map<string, Grant>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => answer(request, response, new URLSearchParams(Buffer.concat(chunks).toString())));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { clientId, clientSecret } = { clientId: 'loggia', clientSecret: 'provider-client-secret' };
  const plain = () => ({
    person: { sub: 'somebody', email: 'somebody@example.com', name: 'Some Body' },
    userinfo: null,
    tweak: null,
    makeIdToken: null,
    tokens: {},
    handlers: new Map<string, Handler>(),
    sloppy: false,
    introspection: { active: false },
  });

  const provider: IdentityProvider = {
    ...plain(),
    url,
    clientId,
    clientSecret,
    discovery: `${url}/.well-known/openid-configuration`,
    env: {
      OAUTH_CLIENT_ID: clientId,
      OAUTH_CLIENT_SECRET: clientSecret,
      OPENID_PROVIDER_URL: `${url}/.well-known/openid-configuration`,
      OAUTH_PROVIDER_NAME: 'Example ID',
      ENABLE_OAUTH_SIGNUP: 'true',
      DEFAULT_USER_ROLE: 'user',
    },
    asked: [],
    sign(claims, header = {}, key = keys.privateKey) {
      const head = `${encode({ alg: 'RS256', typ: 'JWT', kid: 'key', ...header })}.${encode(claims)}`;
      return `${head}.${createSign('RSA-SHA256').update(head).sign(key).toString('base64url')}`;
    },
    rotate() {
      keys = newKey();
    },
    agree(authorizationUrl) {
      const query = new URL(authorizationUrl).searchParams;
      const code = `code-${randomBytes(8).toString('hex')}`;
      codes.set(code, { nonce: query.get('nonce'), challenge: query.get('code_challenge') });
      return { code, state: query.get('state') ?? '' };
    },
    reset() {
      Object.assign(provider, plain());
      provider.asked.length = 0;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  function grantTokens(form: URLSearchParams): Reply {
    const code = form.get('code') ?? '';
    const grant = codes.get(code);
    if (!provider.sloppy) codes.delete(code);
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (!grant || (grant.challenge !== null && grant.challenge !== challenge)) {
      return [400, { error: 'invalid_grant', error_description: 'secret-description' }];
    }
    const now = Math.floor(Date.now() / 1_000);
    const nonce = grant.nonce === null ? {} : { nonce: grant.nonce };
    const claims = { iss: url, aud: clientId, iat: now, exp: now + 3_600, ...nonce, ...provider.person };
    return [200, tokenResponse(provider.tweak?.(claims) ?? claims)];
  }

  function tokenResponse(claims: Claims): Claims {
    return {
      access_token: `at-${randomBytes(8).toString('hex')}`,
      refresh_token: `rt-${randomBytes(8).toString('hex')}`,
      token_type: 'Bearer',
      expires_in: 3_600,
      id_token: provider.makeIdToken?.(claims) ?? provider.sign(claims),
      ...provider.tokens,
    };
  }

  function reply(path: string, authorization: string | undefined, form: URLSearchParams): Reply {
    switch (path) {
      case '/.well-known/openid-configuration':
        return [200, metadata(url)];
      case '/jwks':
        return [200, { keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: 'key', use: 'sig' }] }];
      case '/token':
        if (form.get('grant_type') !== 'refresh_token') return grantTokens(form);
        return [200, { ...tokenResponse({}), id_token: undefined, ...provider.tokens }];
      case '/userinfo':
        if (authorization?.startsWith('Bearer at-')) return [200, provider.userinfo ?? provider.person];
        return [401, { error: 'invalid_token' }];
      case '/introspect':
        return [200, provider.introspection];
      default:
        return [404, { error: 'not_found' }];
    }
  }

  function answer(request: IncomingMessage, response: ServerResponse, form: URLSearchParams): void {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const { authorization } = request.headers;
    provider.asked.push({ path, authorization, form: Object.fromEntries(form) });
    const handler = provider.handlers.get(path);
    if (handler) {
      handler(request, response, form);
      return;
    }
    const [status, body] = reply(path, authorization, form);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  return provider;
}

function metadata(url: string): Claims {
  return {
    issuer: url,
    authorization_endpoint: `${url}/authorize`,
    token_endpoint: `${url}/token`,
    userinfo_endpoint: `${url}/userinfo`,
    jwks_uri: `${url}/jwks`,
    introspection_endpoint: `${url}/introspect`,
    end_session_endpoint: `${url}/logout?kept=1`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    code_challenge_methods_supported: ['S256'],
  };
}
