import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import type { Audit } from '../../kernel/audit/index.ts';
import type { Database } from '../../kernel/database/index.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import type { Authenticator, Principal, User } from '../../kernel/http/principal.ts';
import type { Route } from '../../kernel/http/route.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { Bus } from '../../kernel/realtime/index.ts';
import { type Config, type Settings, SettingsError } from '../../kernel/settings/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import type { Access } from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import { deleteExpiredRevocations, writeActivity } from './account-store.ts';
import { createActivity } from './activity.ts';
import { createApiKeys } from './api-keys.ts';
import { authRoute } from './auth-route.ts';
import { authRoutes } from './auth-routes.ts';
import { createAuthenticator } from './authenticator.ts';
import { configRoutes } from './config-routes.ts';
import { createAccountCreation } from './create-account.ts';
import { createAccountEvents, type UserChange } from './events.ts';
import { createExternalAccounts, type ExternalAccounts } from './external.ts';
import { groupRoutes } from './group-routes.ts';
import { ldapRoutes } from './ldap/routes.ts';
import type { UserCleanup } from './manage.ts';
import { createNamedKeys } from './named-keys/named-keys.ts';
import { namedKeyRoutes } from './named-keys/routes.ts';
import { accountOptions } from './options.ts';
import { ownRoutes } from './own-routes.ts';
import { updateUserJson } from './own-settings.ts';
import { createPasswords } from './password.ts';
import { permissionRoutes } from './permission-routes.ts';
import { createProvisioning, type Provisioning } from './provisioning.ts';
import { createRateLimiter } from './rate-limit.ts';
import { deleteHitsBefore } from './rate-limit-store.ts';
import { createThrottledWarning, type RedisCommands } from './redis.ts';
import { limitByAddress } from './second-factor/address-limit.ts';
import { type Author, type PolicyDeps, putSettings } from './second-factor/change-policy.ts';
import { policyOf, policyProblem, samePolicy, secondFactorNeeded } from './second-factor/policy.ts';
import { secondFactorRoutes } from './second-factor/routes.ts';
import { createSecretBox } from './second-factor/secrets.ts';
import { type AccountService, createFirstAdmin, type EndSession } from './service.ts';
import { createSessions } from './sessions.ts';
import { createTokens, parseLifetime } from './tokens.ts';
import { userRoutes } from './user-routes.ts';

export { type Account, anyUser } from './account-store.ts';
export type { UserChange } from './events.ts';
export type { ExternalAccounts, ExternalIdentity } from './external.ts';
export type { UserCleanup } from './manage.ts';
export { imageOptions as profileImageRules } from './options.ts';
export { isActive } from './present.ts';
export { isProfileImage, servedImage } from './profile-image.ts';
export type { ProvisionedChange } from './provisioning.ts';
export { createRateLimiter, type RateLimiter, type SharedCounts } from './rate-limit.ts';
export { createThrottledWarning, type RedisCommands } from './redis.ts';
export { PasswordNotReset, resetPassword } from './reset-password.ts';
export { resetSecondFactor, SecondFactorNotReset } from './second-factor/reset.ts';

/** Accounts, sessions and API keys, as the rest of the program uses them. */
export interface Accounts {
  authenticator: Authenticator;
  /** Below /api/v1/auths, /api/v1/users and /api/v1/groups. */
  routes: Route[];
  /** Who a session token (no API key) belongs to; null when it does not count. For sockets. */
  verifyToken(token: string): Promise<Principal | null>;
  /** Like `verifyToken`, but throws what a route would answer. */
  session(token: string): Promise<Principal>;
  findUser(id: string): Promise<User | null>;
  /** Whether the caller of a request has an account that waits for an administrator. */
  isWaiting(request: FastifyRequest): Promise<boolean>;
  /** Accounts of people who sign in at an identity provider. */
  external: ExternalAccounts;
  /** Routes of another feature below /api/v1/auths, with what all of them have in common. */
  belowAuths(routes: readonly Route[]): Route[];
  /** Adds who knows where the browser ends its session with the identity provider; asked at sign-out. */
  endSessionAt(find: EndSession): void;
  /** Accounts that an identity provider keeps up to date. */
  provisioning: Provisioning;
  /** Changes a user's settings with the row locked; gives what is stored then, null where there is no such user. */
  changeSettings(userId: string, change: (stored: unknown) => JsonObject): Promise<JsonObject | null>;
  findUsers(ids: readonly string[]): Promise<Map<string, User>>;
  /** Drops what is remembered of a user and tells listeners, in every process. Call it after the commit. */
  invalidate(userId: string, what?: UserChange): void;
  /** Runs in every process that shares the bus. */
  onUserChanged(listener: (userId: string, what: UserChange) => void): () => void;
  /** A single token, by its `jti`, was signed out. Runs in every process that shares the bus. */
  onSignOut(listener: (userId: string, jti: string) => void): () => void;
  /** Every session of everybody has ended. Runs in every process. */
  onEverybodySignedOut(listener: () => void): () => void;
  /**
   * Stores settings that may be those of the second factor: their rules are kept then. `sessionsRevoked`: every session has
   * ended with it, the author's too.
   */
  putSettings(values: Readonly<Record<string, unknown>>, author: Author): Promise<{ sessionsRevoked: boolean }>;
  /** Adds what must go with a user; it runs in the transaction that removes the user. */
  beforeDelete(cleanup: UserCleanup): void;
  /** Notes activity; written in batches. */
  touch(userId: string): void;
  /** A token the server makes for work it does in the user's name; `lifetime` in seconds. */
  internalToken(userId: string, type: 'automation' | 'subagent', lifetime: number): Promise<string | null>;
  /** Makes the first administrator the environment names, where there is no account. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export interface AccountDeps {
  database: Database;
  settings: Settings;
  config: Config;
  bus: Bus;
  log: FastifyBaseLogger;
  access: Access;
  events: EventSink;
  /** Null: nothing is audited. */
  audit: Pick<Audit, 'happened'> | null;
  /** Null where Redis is not configured. */
  redis: RedisCommands | null;
  /** The PNG served for users without a picture; null where the web client is not installed. */
  defaultImage: () => Promise<Buffer | null>;
}

const CLEAN_UP_MS = 3_600_000;
/** Seconds; no limit counts further back. */
const LONGEST_WINDOW = 7 * 86_400;
const SIGN_IN_LIMIT = { limit: 15, window: 180 };
const ADDRESS_LIMIT = { limit: 100, window: 900 };
const SIGN_UP_LIMIT = { limit: 300, window: 900 };

export function createAccounts(deps: AccountDeps): Accounts {
  const { database, config, bus, log, redis, access } = deps;
  // Only what the operator wrote is checked: a stored text can be mended in the administrator's form.
  if (deps.settings.isSet('JWT_EXPIRES_IN')) parseLifetime(deps.settings.get('JWT_EXPIRES_IN'));
  const options = accountOptions(deps.settings);
  const tokens = createTokens(options.secretKeys);
  const onRedisError = createThrottledWarning((error) => log.warn({ err: error }, 'Redis does not answer'));
  const sessions = createSessions({
    database,
    bus,
    tokens,
    redis,
    redisKeyPrefix: options.redisKeyPrefix,
    onRedisError,
    secondFactorNeeded: (method) => secondFactorNeeded(config, method),
  });
  const shared = { redis, database, keyPrefix: options.redisKeyPrefix, onRedisError };
  const activity = createActivity({
    write: (ids, now) => writeActivity(database.db, ids, now),
    interval: options.activityInterval,
    onError: (error) => log.warn({ err: error }, 'could not write when users were last active'),
  });
  const events = createAccountEvents({ bus, log, sessions });
  const cleanups: UserCleanup[] = [];
  const userChanged = (userId: string, what: UserChange): void => {
    if (what === 'deleted') access.invalidate([userId]);
    events.userChanged(userId, what);
  };
  const secondFactor: PolicyDeps = {
    database,
    config,
    log,
    audit: deps.audit,
    secrets: createSecretBox(options.mfaKey, options.secretKeys),
    events: deps.events,
    userChanged,
    authRequired: options.authRequired,
  };
  const service: AccountService = {
    database,
    config,
    access,
    log,
    options,
    tokens,
    sessions,
    passwords: createPasswords(options),
    apiKeys: createApiKeys({ database, bus }),
    namedKeys: createNamedKeys({
      database,
      bus,
      onError: (error) => log.warn({ err: error }, 'could not write when API keys were last used'),
    }),
    creation: createAccountCreation({
      database,
      config,
      access,
      options,
      log,
      invalidate: (id) => sessions.accounts.delete(id),
    }),
    signInLimit: createRateLimiter({ ...SIGN_IN_LIMIT, ...shared }),
    addressLimit: createRateLimiter({ ...ADDRESS_LIMIT, ...shared }),
    signUpLimit: createRateLimiter({ ...SIGN_UP_LIMIT, ...shared }),
    cleanups,
    endSession: null,
    defaultImage: deps.defaultImage,
    events: deps.events,
    secondFactor,
    userChanged,
    putSettings: (values, author) => putSettings(secondFactor, values, author),
    async signOut(token) {
      const claims = await sessions.claims(token);
      if (!claims) return null;
      if (await sessions.revoke(claims)) events.signedOut(claims.id, String(claims.jti));
      return claims.id;
    },
  };
  const stopCleaning = cleanRevocations(deps);
  const stopWatching = watchPolicy(config, events.everybodySignedOut);

  const authenticator = createAuthenticator({ ...service, activity, permissions: access.permissions });
  return {
    authenticator,
    routes: [
      ...limitByAddress(service, [
        ...authRoutes(service),
        ...ldapRoutes(service),
        ...secondFactorRoutes(service),
        ...namedKeyRoutes(service),
        ...configRoutes(service),
      ]),
      ...ownRoutes(service),
      ...permissionRoutes(service),
      ...userRoutes(service),
      ...groupRoutes(service),
    ],
    async verifyToken(token) {
      if (token.startsWith('sk-')) return null;
      try {
        return await sessions.check(token);
      } catch (error) {
        if (error instanceof HttpError && error.status === 401) return null;
        throw error;
      }
    },
    session: (token) => sessions.check(token),
    external: createExternalAccounts(service),
    belowAuths: (routes) => limitByAddress(service, routes.map(authRoute)),
    endSessionAt(find) {
      service.endSession = find;
    },
    provisioning: createProvisioning(service),
    async isWaiting(request) {
      try {
        const { user } = await authenticator.authenticate(request);
        return user.role !== 'user' && user.role !== 'admin';
      } catch (error) {
        // Nobody, or nobody who can be asked about now: only who surely waits does.
        if (error instanceof HttpError) return false;
        throw error;
      }
    },
    findUser: async (id) => (await sessions.account(id))?.user ?? null,
    async changeSettings(userId, change) {
      const settings = await updateUserJson(database, userId, 'settings', change);
      if (settings) service.userChanged(userId, 'changed');
      return settings;
    },
    findUsers: sessions.users,
    invalidate: (userId, what = 'changed') => service.userChanged(userId, what),
    onUserChanged: events.onUserChanged,
    onSignOut: events.onSignOut,
    onEverybodySignedOut: events.onEverybodySignedOut,
    putSettings: service.putSettings,
    beforeDelete: (cleanup) => void cleanups.push(cleanup),
    touch: activity.touch,
    async internalToken(userId, type, lifetime) {
      const account = await sessions.account(userId);
      if (!account?.auth) return null;
      const claims = { id: userId, typ: type, session_stamp: account.auth.stamp };
      return (await tokens.sign(claims, lifetime)).token;
    },
    async start() {
      if (config.get('auth.mfa.enable')) {
        const problem = await policyProblem(database.db, secondFactor);
        if (problem !== null) throw new SettingsError([problem]);
      }
      await createFirstAdmin(service);
    },
    async close() {
      stopCleaning();
      stopWatching();
      events.close();
      service.apiKeys.close();
      await service.namedKeys.close();
      await activity.close();
    },
  };
}

/**
 * A new policy of the second factor ends every session: their stamps are changed with it. Processes that share nothing but
 * the database learn of both by looking at the settings.
 */
function watchPolicy(config: Config, everybodySignedOut: () => void): () => void {
  let known = policyOf(config);
  return config.onChange(() => {
    const now = policyOf(config);
    if (samePolicy(known, now)) return;
    known = now;
    everybodySignedOut();
  });
}

/** Forgets sign-outs of tokens that would have expired by now, and what was counted long ago. */
function cleanRevocations({ database, log }: AccountDeps): () => void {
  const timer = setInterval(() => {
    const now = nowSeconds();
    Promise.all([
      deleteExpiredRevocations(database.db, now),
      deleteHitsBefore(database.db, Math.floor((now - LONGEST_WINDOW) / 60)),
    ]).catch((error: unknown) => log.warn({ err: error }, 'could not remove expired sign-outs and counts'));
  }, CLEAN_UP_MS);
  timer.unref();
  return () => clearInterval(timer);
}
