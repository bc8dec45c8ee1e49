import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import Provider, { type Configuration } from 'oidc-provider';
import { freePort } from './server.ts';

/** A real OpenID provider (`oidc-provider`) over HTTP, with a page to sign in on that takes any name. */
export interface OpenidServer {
  url: string;
  discovery: string;
  clientId: string;
  clientSecret: string;
  stop(): Promise<void>;
}

interface Client {
  redirectUri: string;
  backchannelLogout: string;
  afterLogout: string;
}

const CLIENT = { clientId: 'loggia', clientSecret: 'a-secret_of.the~client' };

export async function startOpenidServer(client: Client): Promise<OpenidServer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const provider = new Provider(url, configurationFor(client));
  const callback = provider.callback();
  const server = createServer((request, response) => {
    const [, uid] = /^\/interaction\/([\w-]+)$/.exec(request.url ?? '') ?? [];
    if (uid === undefined) return void callback(request, response);
    if (request.method !== 'POST') {
      const page = `<form method="post"><input name="login" autofocus><button>Go on</button></form>`;
      return void response
        .writeHead(200, { 'content-type': 'text/html' })
        .end(`<!doctype html><title>Example ID</title>${page}`);
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const accountId = new URLSearchParams(Buffer.concat(chunks).toString()).get('login') ?? '';
      provider.interactionFinished(request, response, { login: { accountId } }).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    ...CLIENT,
    url,
    discovery: `${url}/.well-known/openid-configuration`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function configurationFor({ redirectUri, backchannelLogout, afterLogout }: Client): Configuration {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return {
    clients: [
      {
        client_id: CLIENT.clientId,
        client_secret: CLIENT.clientSecret,
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        backchannel_logout_uri: backchannelLogout,
        post_logout_redirect_uris: [afterLogout],
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'RS256' }] } as never,
    cookies: { keys: ['test'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      introspection: { enabled: true },
    },
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    // Its own one refuses local addresses.
    fetch: (address, { dispatcher: _guarded, ...options } = {}) => fetch(address, options),
    pkce: { required: () => true },
    issueRefreshToken: async () => true,
    findAccount: (_ctx, id) => ({
      accountId: id,
      claims: () => ({
        sub: id,
        email: `${id}@example.com`,
        email_verified: true,
        name: `${id} of Example`,
        groups: ['Readers'],
      }),
    }),
    async loadExistingGrant(ctx) {
      const { client, session } = ctx.oidc;
      if (!client || !session?.accountId) return undefined;
      const grant = new ctx.oidc.provider.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope('openid email profile');
      await grant.save();
      return grant;
    },
  };
}
