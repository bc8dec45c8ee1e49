import type { Database } from '../../kernel/database/index.ts';
import type { Egress } from '../../kernel/egress/index.ts';
import type { Route } from '../../kernel/http/route.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { Access } from '../access/index.ts';
import {
  type Accounts,
  createRateLimiter,
  createThrottledWarning,
  profileImageRules,
  type RateLimiter,
  type RedisCommands,
} from '../accounts/index.ts';
import type { EventSink } from '../configuration/index.ts';
import { createClients } from './clients.ts';
import { exchangeRoute } from './exchange-route.ts';
import { createFlows, type Flows } from './flow.ts';
import { loginRoutes, SESSION_COOKIE } from './login-routes.ts';
import { logoutRoute } from './logout-route.ts';
import { endSessionAddress } from './sign-out.ts';
import { cleanUp, oldestAdmin } from './store.ts';
import { createStoredTokens, type OAuthToken } from './stored-tokens.ts';

export { checkLoginProviders } from './check.ts';
export { type Flow, type Flows, flowId } from './flow.ts';
export { describeProblem } from './problems.ts';
export { providersOf, spendSignIn } from './store.ts';
export { createStoredTokens, type OAuthToken, type StoredTokens, type TokenRenewer } from './stored-tokens.ts';

export interface SingleSignOnDeps {
  database: Database;
  settings: Settings;
  config: Config;
  log: Log;
  egress: Egress;
  access: Access;
  accounts: Accounts;
  events: EventSink;
  /** Null where Redis is not configured. */
  redis: RedisCommands | null;
}

/** Signing in at identity providers. */
export interface SingleSignOn {
  routes: Route[];
  /** Providers that are offered, with the labels of their buttons; the same object until they change. */
  providers(): Readonly<Record<string, string>>;
  /**
   * What the user's identity provider gave, good for use now: of the browser session the `cookie` header names, else of the
   * one used last; null where there is none. Throws only where the database does.
   */
  tokenOf(user: { id: string }, cookie?: string): Promise<OAuthToken | null>;
  /** Sign-ins under way in a browser, also at servers that are no login providers. */
  flows: Flows;
  close(): void;
}

const CLEAN_UP_MS = 3_600_000;

export function createSingleSignOn(deps: SingleSignOnDeps): SingleSignOn {
  const { database, settings, log } = deps;
  const accounts = deps.accounts.external;
  const clients = createClients(deps);
  const tokens = createStoredTokens({ ...deps, client: clients.client });
  const flows = createFlows({
    secrets: settings.secretKeys,
    cookie: {
      sameSite: sameSite(settings.get('WEBUI_SESSION_COOKIE_SAME_SITE')),
      secure: settings.get('WEBUI_SESSION_COOKIE_SECURE'),
    },
  });
  const inner = { ...deps, accounts, clients, tokens, flows, oldestAdmin: () => oldestAdmin(database.db) };
  deps.accounts.endSessionAt((sessionId) => endSessionAddress(inner, sessionId));
  const timer = setInterval(() => {
    cleanUp(database.db).catch((error: unknown) => log.warn({ err: error }, 'old sign-ins could not be removed'));
  }, CLEAN_UP_MS);
  timer.unref();
  return {
    routes: [
      ...loginRoutes({ ...inner, pictures: profileImageRules(settings) }),
      ...deps.accounts.belowAuths([exchangeRoute({ ...inner, limit: exchangeLimit(deps) })]),
      logoutRoute(inner),
    ],
    providers: clients.labels,
    flows,
    tokenOf: (user, cookie) => tokens.current(user.id, sessionIdOf(cookie)),
    close() {
      clearInterval(timer);
      clients.close();
    },
  };
}

function exchangeLimit({ settings, redis, database, log }: SingleSignOnDeps): RateLimiter | null {
  const limit = settings.get('OAUTH_TOKEN_EXCHANGE_RATE_LIMIT');
  if (limit === null) return null;
  return createRateLimiter({
    limit,
    window: settings.get('OAUTH_TOKEN_EXCHANGE_RATE_LIMIT_WINDOW'),
    redis,
    database,
    keyPrefix: settings.get('REDIS_KEY_PREFIX'),
    onRedisError: createThrottledWarning((error) => log.warn({ err: error }, 'Redis does not answer')),
  });
}

function sessionIdOf(cookie: string | undefined): string | null {
  const found = (cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${SESSION_COOKIE}=`));
  return found?.slice(SESSION_COOKIE.length + 1) || null;
}

/** Never `strict`: who comes back from the provider comes from another site. */
function sameSite(text: string): 'lax' | 'none' {
  return text.toLowerCase() === 'none' ? 'none' : 'lax';
}
