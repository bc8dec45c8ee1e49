import type { JWTPayload } from 'jose';
import type { Database } from '../../kernel/database/index.ts';
import { anyone } from '../../kernel/http/access.ts';
import { HttpError, notFound } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { isObject } from '../../kernel/json.ts';
import type { Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { ExternalAccounts } from '../accounts/index.ts';
import type { ProviderClient } from './client.ts';
import type { Clients } from './clients.ts';
import { describeProblem } from './problems.ts';
import { deleteOAuthSessionsOf, usersBySid } from './store.ts';
import { claimsOf } from './stored-tokens.ts';

export interface LogoutDeps {
  database: Database;
  settings: Pick<Settings, 'get'>;
  clients: Clients;
  accounts: Pick<ExternalAccounts, 'find' | 'revoke'>;
  log: Log;
}

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const BODY_LIMIT = 64 * 1024;

/** A provider tells that somebody has signed out there (OpenID Connect Back-Channel Logout; identity note, 8.7). */
export function logoutRoute(deps: LogoutDeps): Route {
  return route({
    method: 'POST',
    url: '/oauth/backchannel-logout',
    access: anyone,
    headers: { 'cache-control': 'no-store' },
    tag: 'oauth',
    rawBody: true,
    bodyLimit: BODY_LIMIT,
    async handler({ request }) {
      if (!deps.settings.get('ENABLE_OAUTH_BACKCHANNEL_LOGOUT')) throw notFound('Not Found');
      const body = Buffer.isBuffer(request.body) ? request.body.toString('utf8') : '';
      const token = new URLSearchParams(body).get('logout_token');
      if (!token) throw invalid('Missing logout_token parameter');
      const client = await issuerOf(deps, token);
      await end(deps, client.provider.name, await verify(deps, client, token));
      return {};
    },
  });
}

function invalid(description: string): HttpError {
  const body = { error: 'invalid_request', error_description: description };
  return new HttpError(400, description, { body, code: 'logout-token' });
}

/** The provider a token says it is of; only its keys are asked for. */
async function issuerOf({ clients, log }: LogoutDeps, token: string): Promise<ProviderClient> {
  const claims = claimsOf(token);
  if (!claims) throw invalid('Malformed logout_token');
  if (typeof claims.iss !== 'string' || claims.iss === '') throw invalid('logout_token missing iss claim');
  for (const [name, provider] of clients.providers()) {
    if (!('discovery' in provider.endpoints)) continue;
    try {
      const client = await clients.client(name);
      if (client?.issuer === claims.iss) return client;
    } catch (error) {
      log.warn({ provider: name, reason: describeProblem(error).reason }, 'an identity provider does not answer');
    }
  }
  throw invalid('No configured provider matches token issuer');
}

async function verify({ log }: LogoutDeps, client: ProviderClient, token: string): Promise<JWTPayload> {
  let claims: JWTPayload;
  try {
    claims = await client.verifyLogout(token);
  } catch (error) {
    const { reason } = describeProblem(error);
    log.warn({ provider: client.provider.name, reason }, 'a sign-out told by an identity provider was refused');
    throw invalid(/^ERR_JW[ST]/.test(reason) ? `Invalid logout_token: ${reason}` : 'Failed to validate logout_token');
  }
  if (!isObject(claims.events) || !(EVENT in claims.events)) throw invalid('Missing backchannel-logout event claim');
  if (claims.nonce !== undefined) throw invalid('logout_token must not contain nonce');
  if (!claims.sub && !claims.sid) throw invalid('logout_token must contain sub or sid');
  return claims;
}

/** Forgets what the provider gave and ends every session of the account. */
async function end({ database, accounts, log }: LogoutDeps, provider: string, claims: JWTPayload): Promise<void> {
  const bySubject = claims.sub ? await accounts.find({ provider, subject: claims.sub }) : null;
  const bySid =
    !claims.sub && typeof claims.sid === 'string' ? await usersBySid(database.db, provider, claims.sid) : [];
  for (const userId of bySubject ? [bySubject.user.id] : bySid) {
    await database.transaction((tx) => deleteOAuthSessionsOf(tx, userId, provider));
    await accounts.revoke(userId);
    log.info({ provider, user: userId }, 'an identity provider has ended the sessions of an account');
  }
}
