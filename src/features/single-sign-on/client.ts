import type { JWTPayload } from 'jose';
import type { ClientAuth, Configuration, TokenEndpointResponse, TokenEndpointResponseHelpers } from 'openid-client';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import {
  assertAccessTokenHash,
  CLOCK_TOLERANCE,
  createProviderKeys,
  LOGOUT_SIGNATURES,
  type ProviderKeys,
  signatureAlgorithms,
} from './keys.ts';
import { SignInFailed } from './problems.ts';
import type { LoginProvider } from './providers.ts';
import type { Fetch } from './transport.ts';

type Library = typeof import('openid-client');

/** What one sign-in under way has to remember. */
export interface FlowChecks {
  state: string;
  redirectUri: string;
  nonce: string | null;
  verifier: string | null;
}

/** A token response with the claims of its id token, which were verified; null where there is none. */
export interface Exchanged {
  tokens: JsonObject & { access_token: string };
  claims: JsonObject | null;
}

export interface ClientOptions {
  provider: LoginProvider;
  fetch: Fetch;
  /** Send `client_id` in the body of token requests, whatever proves the client. */
  includeClientId: boolean;
}

/** Speaks with one provider. What it throws, `describeProblem` can tell. */
export interface ProviderClient {
  provider: LoginProvider;
  issuer: string;
  endSessionEndpoint: string | null;
  /** Where its userinfo is asked for; null: nowhere. */
  userinfoEndpoint: string | null;
  /** A fresh PKCE verifier where the provider takes one. */
  newVerifier(): string | null;
  authorizationUrl(flow: FlowChecks, params: Record<string, string>): Promise<string>;
  /** Trades the code the browser brought back. `query`: of the callback, with its `?`. */
  exchange(flow: FlowChecks, query: string): Promise<Exchanged>;
  refresh(refreshToken: string, scope: string | null): Promise<Exchanged>;
  userinfo(accessToken: string): Promise<JsonObject>;
  /** Another document of the provider's own interface. */
  read(url: string, accessToken: string): Promise<unknown>;
  introspect(token: string): Promise<JsonObject>;
  /** Claims of a token that tells of a sign-out. */
  verifyLogout(token: string): Promise<JWTPayload>;
}

/** Asks the provider what it is; throws where it does not answer or answers nonsense. */
export async function connectClient(options: ClientOptions): Promise<ProviderClient> {
  const { provider, fetch } = options;
  const library = await import('openid-client');
  const configuration = await configure(library, options);
  const metadata = configuration.serverMetadata();
  const keys = metadata.jwks_uri ? createProviderKeys(metadata.jwks_uri, fetch, provider.timeoutMs) : null;
  const algorithms = signatureAlgorithms(metadata.id_token_signing_alg_values_supported);
  const usesPkce =
    provider.pkce === 'always' || (provider.pkce === 'offered' && configuration.serverMetadata().supportsPKCE());
  const read = (url: string, accessToken: string) =>
    library.fetchProtectedResource(
      configuration,
      accessToken,
      new URL(url),
      'GET',
      undefined,
      new Headers({ accept: 'application/json' }),
    );

  /** The library has looked at what the id token says; who signed it is looked at here. */
  async function verified(tokens: TokenEndpointResponse & TokenEndpointResponseHelpers): Promise<Exchanged> {
    const plain = { ...tokens } as JsonObject & { access_token: string };
    const claims = tokens.claims();
    if (tokens.id_token === undefined || claims === undefined) return { tokens: plain, claims: null };
    const { alg } = await requireKeys(keys).verify(tokens.id_token, { algorithms, clockTolerance: CLOCK_TOLERANCE });
    assertAccessTokenHash(claims, alg, tokens.access_token);
    return { tokens: plain, claims: { ...claims } };
  }

  return {
    provider,
    issuer: metadata.issuer,
    endSessionEndpoint: metadata.end_session_endpoint ?? null,
    userinfoEndpoint: metadata.userinfo_endpoint ?? null,
    newVerifier: () => (usesPkce ? library.randomPKCECodeVerifier() : null),
    async authorizationUrl(flow, params) {
      const url = library.buildAuthorizationUrl(configuration, {
        ...params,
        response_type: 'code',
        scope: provider.scope,
        redirect_uri: flow.redirectUri,
        state: flow.state,
        ...(flow.nonce !== null && { nonce: flow.nonce }),
        ...(flow.verifier !== null && {
          code_challenge: await library.calculatePKCECodeChallenge(flow.verifier),
          code_challenge_method: 'S256',
        }),
      });
      return url.href;
    },
    async exchange(flow, query) {
      const url = new URL(flow.redirectUri);
      url.search = query;
      const checks = {
        expectedState: flow.state,
        ...(flow.nonce !== null && { expectedNonce: flow.nonce }),
        ...(flow.verifier !== null && { pkceCodeVerifier: flow.verifier }),
      };
      try {
        return await verified(await library.authorizationCodeGrant(configuration, url, checks));
      } catch (error) {
        const tokens = withoutIdToken(error);
        if (tokens) return { tokens, claims: null };
        throw error;
      }
    },
    async refresh(refreshToken, scope) {
      const params = { client_id: provider.clientId, ...(scope !== null && { scope }) };
      return verified(await library.refreshTokenGrant(configuration, refreshToken, params));
    },
    async userinfo(accessToken) {
      const endpoint = metadata.userinfo_endpoint;
      if (!endpoint) throw new SignInFailed('the provider has no userinfo endpoint');
      const answer = await read(endpoint, accessToken);
      if (!answer.ok) throw new SignInFailed(`userinfo answered ${answer.status}`);
      if (/^application\/jwt\b/i.test(answer.headers.get('content-type') ?? '')) {
        const expected = { algorithms, issuer: metadata.issuer, audience: provider.clientId };
        return { ...(await requireKeys(keys).verify(await answer.text(), expected)).payload };
      }
      return objectOf(await jsonOf(answer), 'userinfo');
    },
    async read(url, accessToken) {
      const answer = await read(url, accessToken);
      if (!answer.ok) throw new SignInFailed(`${new URL(url).pathname} answered ${answer.status}`);
      return jsonOf(answer);
    },
    async introspect(token) {
      return { ...(await library.tokenIntrospection(configuration, token, { token_type_hint: 'access_token' })) };
    },
    async verifyLogout(token) {
      const { payload } = await requireKeys(keys).verify(token, {
        algorithms: LOGOUT_SIGNATURES,
        issuer: metadata.issuer,
        audience: provider.clientId,
        requiredClaims: ['iat', 'events'],
        clockTolerance: CLOCK_TOLERANCE,
      });
      return payload;
    },
  };
}

/**
 * The token response of a provider that was asked for an id token and gives none, out of the library's refusal; null for any
 * other error. Such providers exist: who has signed in is asked at their userinfo then, as with those that know no id tokens.
 */
function withoutIdToken(error: unknown): Exchanged['tokens'] | null {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'OAUTH_INVALID_RESPONSE') return null;
  const details = error.cause instanceof Error ? error.cause.cause : null;
  const body = isObject(details) ? details.body : null;
  if (!isObject(body) || (body.id_token !== undefined && body.id_token !== null)) return null;
  const { access_token: token, token_type: type } = body;
  return typeof token === 'string' && type === 'bearer' ? { ...body, access_token: token } : null;
}

function requireKeys(keys: ProviderKeys | null): ProviderKeys {
  if (!keys) throw new SignInFailed('the provider publishes no keys');
  return keys;
}

async function configure(
  library: Library,
  { provider, fetch, includeClientId }: ClientOptions,
): Promise<Configuration> {
  const { endpoints, clientId } = provider;
  const auth = clientAuth(library, provider, includeClientId);
  const seconds = Math.max(1, Math.ceil(provider.timeoutMs / 1_000));
  const metadata = { [library.clockTolerance]: CLOCK_TOLERANCE };
  if ('discovery' in endpoints) {
    // Whoever names the provider without TLS means it; one named with TLS gives no address without.
    const insecure = endpoints.discovery.startsWith('http:');
    return library.discovery(new URL(endpoints.discovery), clientId, metadata, auth, {
      [library.customFetch]: fetch,
      timeout: seconds,
      ...(insecure && { execute: [library.allowInsecureRequests] }),
    });
  }
  const configuration = new library.Configuration(
    {
      issuer: endpoints.issuer,
      authorization_endpoint: endpoints.authorization,
      token_endpoint: endpoints.token,
      userinfo_endpoint: endpoints.userinfo,
    },
    clientId,
    metadata,
    auth,
  );
  configuration[library.customFetch] = fetch;
  configuration.timeout = seconds;
  return configuration;
}

function clientAuth(library: Library, provider: LoginProvider, includeClientId: boolean): ClientAuth {
  const { clientId, clientSecret, clientAuth: method } = provider;
  if (method === null) throw new SignInFailed('OAUTH_TOKEN_ENDPOINT_AUTH_METHOD names no method that is known');
  if (clientSecret === null || method === 'none') return library.None();
  if (method === 'client_secret_post') return library.ClientSecretPost(clientSecret);
  if (method === 'client_secret_jwt') return library.ClientSecretJwt(clientSecret);
  // Not form-encoded first, as the standard has it: what providers are used to is the plain text.
  const basic = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
  return (_server, _client, body, headers) => {
    headers.set('authorization', basic);
    if (includeClientId) body.set('client_id', clientId);
  };
}

async function jsonOf(answer: Response): Promise<unknown> {
  try {
    return await answer.json();
  } catch {
    throw new SignInFailed('the provider answered something other than JSON');
  }
}

function objectOf(value: unknown, what: string): JsonObject {
  if (!isObject(value)) throw new SignInFailed(`${what} is no object`);
  return value;
}
