import { HttpError } from '../../kernel/http/errors.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { Clients } from './clients.ts';
import { describeProblem } from './problems.ts';
import type { StoredTokens } from './stored-tokens.ts';

export interface SignOutDeps {
  config: Pick<Config, 'get'>;
  settings: Pick<Settings, 'get'>;
  clients: Clients;
  tokens: StoredTokens;
  log: Log;
}

/** Where the browser ends its session at the provider; null: the provider has no such place (identity note, 6.3). */
export async function endSessionAddress(deps: SignOutDeps, sessionId: string): Promise<string | null> {
  const session = await deps.tokens.idToken(sessionId);
  if (!session) return null;
  let endpoint: string | null;
  try {
    endpoint = (await deps.clients.client(session.provider))?.endSessionEndpoint ?? null;
  } catch (error) {
    const { reason } = describeProblem(error);
    deps.log.warn({ provider: session.provider, reason }, 'signing out at an identity provider failed');
    throw new HttpError(500, 'Failed to sign out from the OpenID provider.', {
      code: 'provider-sign-out',
      cause: error,
    });
  }
  if (endpoint === null) return null;
  const url = new URL(endpoint);
  if (session.idToken !== null) url.searchParams.set('id_token_hint', session.idToken);
  const after = deps.settings.get('WEBUI_AUTH_SIGNOUT_REDIRECT_URL');
  if (after) url.searchParams.set('post_logout_redirect_uri', after);
  return url.href;
}
