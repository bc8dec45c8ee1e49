import { anyone } from '../../kernel/http/access.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Str, shape } from '../../kernel/http/shapes.ts';
import type { Account, RateLimiter } from '../accounts/index.ts';
import { type AdmissionDeps, admitToken, applyGroups, findAccount } from './admission.ts';
import { isUnverified, textClaim } from './claims.ts';
import type { ProviderClient } from './client.ts';
import type { Clients } from './clients.ts';
import { isForeign, mayUse, subjectOf, userinfoClaims } from './identity.ts';
import { describeProblem } from './problems.ts';
import { claimsOf } from './stored-tokens.ts';

export interface ExchangeDeps extends AdmissionDeps {
  clients: Clients;
  /** Null: as often as one likes. */
  limit: RateLimiter | null;
}

const UNVALIDATED = 'Invalid token or unable to validate with provider';
const TokenExchangeForm = shape('TokenExchangeForm', { token: Str() });

/** A session for the access token of a provider: for programs that have signed somebody in there (identity note, 6.8). */
export function exchangeRoute(deps: ExchangeDeps): Route {
  const { config, settings, limit, accounts } = deps;
  return route({
    method: 'POST',
    url: '/api/v1/auths/oauth/:provider/token/exchange',
    access: anyone,
    body: TokenExchangeForm,
    async handler({ params, body, request }) {
      if (!settings.get('ENABLE_OAUTH_TOKEN_EXCHANGE')) throw new HttpError(403, 'Token exchange is disabled');
      if (await limit?.isLimited(request.ip)) throw new HttpError(429, detail.RATE_LIMIT_EXCEEDED);
      const name = params.provider ?? '';
      const client = config.get('oauth.enable') ? await clientOf(deps, name.toLowerCase()) : null;
      if (!client) throw new HttpError(404, `Provider '${name}' is not configured`);
      await assertTrustedClient(deps, client, body.token);
      const account = await accountOfToken(deps, client, body.token);
      const result = await accounts.signIn(account);
      if (result.kind === 'pending') return { next_step: 'pending' };
      return result.body;
    },
  });
}

async function clientOf(deps: ExchangeDeps, name: string): Promise<ProviderClient | null> {
  try {
    return await deps.clients.client(name);
  } catch (error) {
    throw refused(deps, name, error, UNVALIDATED);
  }
}

/** The wire's 400 for what went wrong with the provider; the log says what. */
function refused({ log }: ExchangeDeps, provider: string, error: unknown, text: string): unknown {
  const { reason, fault } = describeProblem(error);
  if (fault) return fault;
  log.warn({ provider, reason }, 'a token of an identity provider was refused');
  return new HttpError(400, text);
}

/** Throws unless the token was made for one of the programs the administrator trusts. */
async function assertTrustedClient(deps: ExchangeDeps, client: ProviderClient, token: string): Promise<void> {
  const trusted = deps.settings.get('OAUTH_TOKEN_EXCHANGE_TRUSTED_CLIENT_IDS');
  if (trusted.length === 0) return;
  const unknown = 'Unable to determine which client the token was issued to';
  let answer: Record<string, unknown>;
  try {
    answer = await client.introspect(token);
  } catch (error) {
    throw refused(deps, client.provider.name, error, unknown);
  }
  const id = answer.active === true ? answer.client_id : null;
  if (typeof id !== 'string' || id === '') throw new HttpError(400, unknown);
  if (!trusted.includes(id)) throw new HttpError(403, detail.ACCESS_PROHIBITED);
}

async function accountOfToken(deps: ExchangeDeps, client: ProviderClient, token: string): Promise<Account> {
  const { config } = deps;
  const provider = client.provider.name;
  let claims: Record<string, unknown>;
  try {
    claims = await userinfoClaims(client, token);
  } catch (error) {
    throw refused(deps, provider, error, UNVALIDATED);
  }
  const subject = subjectOf(client, config, claims);
  if (subject === null) throw new HttpError(400, "Token missing required 'sub' claim");
  const email = textClaim(claims, config.get('oauth.email_claim'))?.toLowerCase();
  if (email === undefined) throw new HttpError(400, 'Token missing required email claim');
  if (!mayUse(client, config, email, claims)) throw new HttpError(403, detail.ACCESS_PROHIBITED);
  const unverified = isForeign(client, claims) || isUnverified(claims);
  const person = { provider, subject, email, unverified, name: null, claims };
  // The provider has taken the token a moment ago, so what it says of itself is the provider's word.
  const sources = [claims, claimsOf(token) ?? {}];
  try {
    const account = await findAccount(deps, person);
    if (!account) throw new HttpError(403, 'User not found. Please sign in via the web interface first.');
    const current = await admitToken(deps, account, person, sources);
    await applyGroups(deps, current, sources);
    return current;
  } catch (error) {
    const { shown, fault } = describeProblem(error);
    throw fault ?? new HttpError(403, shown);
  }
}
