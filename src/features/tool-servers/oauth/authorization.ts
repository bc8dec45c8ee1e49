import type { ClientAuth, Configuration } from 'openid-client';
import type { JsonObject } from '../../../kernel/json.ts';
import type { Flow } from '../../single-sign-on/index.ts';
import type { FetchLike } from '../mcp/fetch.ts';
import { type ClientInfo, resourceOf } from './client-info.ts';
import { type ServerMetadata, texts } from './discovery.ts';

type Library = typeof import('openid-client');

/** The authorization server of a tool server, asked as a registered client. What it throws, `describeProblem` can tell. */
export interface Authorization {
  /** A fresh PKCE verifier; null where the server takes none. */
  newVerifier(): Promise<string | null>;
  url(flow: Pick<Flow, 'state' | 'redirectUri' | 'verifier'>): Promise<string>;
  /** Trades the code the browser brought back. `query`: of the callback, with its `?`. */
  exchange(flow: Flow, query: string): Promise<JsonObject & { access_token: string }>;
  refresh(refreshToken: string): Promise<JsonObject & { access_token: string }>;
}

/** The way out has its own, shorter limit. */
const MOST_SECONDS = 600;

export function createAuthorization(client: ClientInfo, metadata: ServerMetadata, fetch: FetchLike): Authorization {
  const resource = resourceOf(client);
  const named = { ...(resource !== null && { resource }) };
  async function open(): Promise<{ library: Library; configuration: Configuration }> {
    const library = await import('openid-client');
    const { issuer, authorization_endpoint, token_endpoint } = metadata;
    const configuration = new library.Configuration(
      { issuer, authorization_endpoint, token_endpoint },
      client.clientId,
      undefined,
      clientAuth(library, client),
    );
    configuration[library.customFetch] = (url, options) => fetch(url, options as RequestInit);
    configuration.timeout = MOST_SECONDS;
    // An administrator who connects a server without TLS means it.
    if (token_endpoint.startsWith('http:')) library.allowInsecureRequests(configuration);
    return { library, configuration };
  }

  return {
    async newVerifier() {
      const methods = texts(metadata.code_challenge_methods_supported);
      if (methods.length > 0 && !methods.includes('S256')) return null;
      return (await open()).library.randomPKCECodeVerifier();
    },
    async url({ state, redirectUri, verifier }) {
      const { library, configuration } = await open();
      const url = library.buildAuthorizationUrl(configuration, {
        response_type: 'code',
        redirect_uri: redirectUri,
        state,
        ...named,
        ...(client.scope !== '' && { scope: client.scope }),
        ...(isGoogle(metadata) && { access_type: 'offline', prompt: 'consent' }),
        ...(verifier !== null && {
          code_challenge: await library.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
        }),
      });
      return url.href;
    },
    async exchange({ state, redirectUri, verifier }, query) {
      const { library, configuration } = await open();
      const url = new URL(redirectUri);
      url.search = query;
      const checks = { expectedState: state, ...(verifier !== null && { pkceCodeVerifier: verifier }) };
      return plain(await library.authorizationCodeGrant(configuration, url, checks, named));
    },
    async refresh(refreshToken) {
      const { library, configuration } = await open();
      const params = { ...named, ...(client.scope !== '' && { scope: client.scope }) };
      return plain(await library.refreshTokenGrant(configuration, refreshToken, params));
    },
  };
}

function plain(tokens: object & { access_token: string }): JsonObject & { access_token: string } {
  return { ...tokens };
}

/** Gives a refresh token only to those who ask for it. */
function isGoogle({ authorization_endpoint: endpoint }: ServerMetadata): boolean {
  return URL.canParse(endpoint) && new URL(endpoint).hostname === 'accounts.google.com';
}

function clientAuth(library: Library, { clientSecret, authMethod }: ClientInfo): ClientAuth {
  if (clientSecret === null || authMethod === 'none') return library.None();
  return authMethod === 'client_secret_basic'
    ? library.ClientSecretBasic(clientSecret)
    : library.ClientSecretPost(clientSecret);
}
