import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** An OAuth 2.1 authorization server with registration, PKCE, codes and refresh tokens that are good once. */
export interface AuthorizationServer {
  url: string;
  /** Access tokens that are good now. */
  isGood(token: string): boolean;
  /** Ids of registered clients. */
  clients(): string[];
  forgetClients(): void;
  /** Refresh tokens that have been used. */
  renewals(): number;
  /** Whether tokens made from now on have ended already. */
  ended(are: boolean): void;
  /** `refuse`: refresh tokens are good no more; `down`: it does not answer sensibly. */
  behave(how: 'well' | 'refuse' | 'down'): void;
  /** The last authorization request. */
  asked(): URLSearchParams;
  stop(): Promise<void>;
}

export async function startAuthorizationServer(): Promise<AuthorizationServer> {
  const clients = new Map<string, { secret: string; redirects: string[] }>();
  const codes = new Map<string, { client: string; challenge: string; redirect: string }>();
  const refreshTokens = new Set<string>();
  const access = new Set<string>();
  let [areEnded, renewals, how] = [false, 0, 'well' as 'well' | 'refuse' | 'down'];
  let asked = new URLSearchParams();

  function grant() {
    const [token, refresh] = [`at-${randomUUID()}`, `rt-${randomUUID()}`];
    access.add(token);
    refreshTokens.add(refresh);
    const expires_at = Math.floor(Date.now() / 1_000) + (areEnded ? -1 : 3_600);
    return { access_token: token, token_type: 'Bearer', expires_at, refresh_token: refresh };
  }

  function authorize(query: URLSearchParams, response: ServerResponse) {
    const client = clients.get(query.get('client_id') ?? '');
    const redirect = query.get('redirect_uri') ?? '';
    if (!client?.redirects.includes(redirect)) return json(response, 400, { error: 'invalid_client' });
    if (query.get('state') === 'preflight') return json(response, 200, {});
    asked = query;
    const code = randomUUID();
    codes.set(code, { client: query.get('client_id') ?? '', challenge: query.get('code_challenge') ?? '', redirect });
    const back = new URL(redirect);
    back.search = String(new URLSearchParams({ code, state: query.get('state') ?? '' }));
    return response.writeHead(302, { location: back.href }).end();
  }

  function token(form: URLSearchParams, response: ServerResponse) {
    if (how === 'down') return json(response, 503, 'later');
    const id = form.get('client_id') ?? '';
    if (clients.get(id)?.secret !== form.get('client_secret')) return json(response, 401, { error: 'invalid_client' });
    if (form.get('grant_type') === 'refresh_token') {
      const known = refreshTokens.delete(form.get('refresh_token') ?? '');
      if (!known || how === 'refuse') return json(response, 400, { error: 'invalid_grant' });
      renewals += 1;
      return json(response, 200, grant());
    }
    const code = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (code?.client !== id || code.challenge !== challenge || code.redirect !== form.get('redirect_uri')) {
      return json(response, 400, { error: 'invalid_grant' });
    }
    return json(response, 200, grant());
  }

  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', url);
    const body = await text(request);
    if (pathname === '/.well-known/oauth-authorization-server') {
      json(response, 200, {
        issuer: url,
        authorization_endpoint: `${url}/authorize`,
        token_endpoint: `${url}/token`,
        registration_endpoint: `${url}/register`,
        code_challenge_methods_supported: ['S256'],
      });
    } else if (pathname === '/register') {
      const [id, secret] = [`client-${randomUUID()}`, randomUUID()];
      const { redirect_uris } = JSON.parse(body) as { redirect_uris: string[] };
      clients.set(id, { secret, redirects: redirect_uris });
      json(response, 201, { client_id: id, client_secret: secret, redirect_uris, client_uri: '' });
    } else if (pathname === '/authorize') authorize(searchParams, response);
    else if (pathname === '/token') token(new URLSearchParams(body), response);
    else json(response, 404, {});
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  const url = `http://127.0.0.1:${address.port}`;
  return {
    url,
    isGood: (one) => access.has(one),
    clients: () => [...clients.keys()],
    forgetClients: () => clients.clear(),
    renewals: () => renewals,
    ended: (next) => {
      areEnded = next;
    },
    behave: (next) => {
      how = next;
    },
    asked: () => asked,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function json(response: ServerResponse, status: number, value: unknown) {
  return response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
