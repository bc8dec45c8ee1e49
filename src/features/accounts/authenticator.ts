import type { FastifyRequest } from 'fastify';
import { isUnavailable } from '../../kernel/database/index.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { Authenticator, Credential, PermissionCheck, Principal, User } from '../../kernel/http/principal.ts';
import type { Config } from '../../kernel/settings/index.ts';
import type { Activity } from './activity.ts';
import type { ApiKeys } from './api-keys.ts';
import { credentialOf, optionalCredentialOf } from './carriers.ts';
import { type KnownKey, NAMED_PREFIX, type NamedKeys } from './named-keys/named-keys.ts';
import { assertInScope } from './named-keys/scopes.ts';
import type { AccountOptions } from './options.ts';
import type { Sessions } from './sessions.ts';
import { announcedEmail } from './trusted-headers.ts';

interface AuthenticatorDeps {
  sessions: Sessions;
  apiKeys: Pick<ApiKeys, 'userIdOf'>;
  namedKeys: Pick<NamedKeys, 'find' | 'noteUse'>;
  activity: Pick<Activity, 'touch'>;
  permissions: PermissionCheck;
  config: Pick<Config, 'get'>;
  options: Pick<AccountOptions, 'apiKeyHeader' | 'trusted'>;
}

/** Finds out who sent a request (identity note, 4). */
export function createAuthenticator(deps: AuthenticatorDeps): Authenticator {
  const { sessions, activity, options } = deps;

  async function principalOf(credential: string, request: FastifyRequest): Promise<Principal> {
    const principal = await (credential.startsWith('sk-')
      ? byApiKey(deps, credential, request)
      : sessions.check(credential)
    ).catch(asTemporary);
    if (principal.credential.kind !== 'api_key') assertSamePerson(principal, request, options);
    activity.touch(principal.user.id);
    return principal;
  }
  const sourcesOf = (request: FastifyRequest) => ({
    headers: request.headers,
    cookie: request.headers.cookie === undefined ? undefined : request.cookies.token,
    apiKeyHeader: options.apiKeyHeader,
  });

  return {
    async authenticate(request) {
      const credential = credentialOf(sourcesOf(request));
      if (credential === null) throw new HttpError(401, detail.NOT_AUTHENTICATED);
      return principalOf(credential, request);
    },
    async identify(request) {
      const credential = optionalCredentialOf(sourcesOf(request));
      if (credential === null) return null;
      try {
        const principal = await principalOf(credential, request);
        return principal.user.role === 'user' || principal.user.role === 'admin' ? principal : null;
      } catch (error) {
        if (error instanceof HttpError && error.status < 500) return null;
        throw error;
      }
    },
  };
}

/** Who cannot be asked about is not refused: clients must keep their session while the database is away. */
function asTemporary(error: unknown): never {
  throw isUnavailable(error)
    ? new HttpError(503, 'Authentication is temporarily unavailable.', { code: 'database.unavailable', cause: error })
    : error;
}

async function byApiKey(deps: AuthenticatorDeps, key: string, request: FastifyRequest): Promise<Principal> {
  const { config } = deps;
  const { user, named } = await ownerOf(deps, key);
  if (!config.get('auth.enable_api_keys')) throw new HttpError(403, detail.API_KEY_NOT_ALLOWED);
  if (user.role !== 'admin' && !(await deps.permissions(user, 'features.api_keys'))) {
    throw new HttpError(403, detail.API_KEY_NOT_ALLOWED);
  }
  if (config.get('auth.api_key.endpoint_restrictions')) {
    const path = pathOf(request);
    const allowed = allowedEndpoints(config.get('auth.api_key.allowed_endpoints'));
    if (!allowed.some((entry) => path === entry || path.startsWith(`${entry}/`))) {
      throw new HttpError(403, detail.ACCESS_PROHIBITED);
    }
  }
  const credential: Credential = { kind: 'api_key', token: key, claims: {} };
  if (!named) return { user, credential };
  assertInScope(named.scopes, request.routeOptions.config.route, request.method);
  deps.namedKeys.noteUse(named.id);
  return { user, credential: { ...credential, keyId: named.id } };
}

/** Whose key this is. Throws 401 for one that does not exist or has expired. */
async function ownerOf(
  { apiKeys, namedKeys, sessions }: AuthenticatorDeps,
  key: string,
): Promise<{ user: User; named: KnownKey | null }> {
  const isNamed = key.startsWith(NAMED_PREFIX);
  const named = isNamed ? await namedKeys.find(key) : null;
  const userId = isNamed ? (named?.userId ?? null) : await apiKeys.userIdOf(key);
  const account = userId === null ? null : await sessions.account(userId);
  if (!account) throw new HttpError(401, detail.INVALID_TOKEN);
  return { user: account.user, named };
}

function allowedEndpoints(text: unknown): string[] {
  return String(text ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

/** A proxy that names the person must name the one the session belongs to. */
function assertSamePerson(
  { user }: Principal,
  request: FastifyRequest,
  { trusted }: Pick<AccountOptions, 'trusted'>,
): void {
  const named = trusted && announcedEmail(request, trusted);
  if (named !== null && named !== user.email) throw new HttpError(401, 'User mismatch. Please sign in again.');
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '';
}
