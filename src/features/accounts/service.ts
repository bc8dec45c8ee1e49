import type { FastifyBaseLogger } from 'fastify';
import type { Database } from '../../kernel/database/index.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { Config } from '../../kernel/settings/index.ts';
import type { Access } from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import { accountByEmail, anyUser, loadAccounts } from './account-store.ts';
import { announceAccount, announceCreated } from './announce.ts';
import type { ApiKeys } from './api-keys.ts';
import type { AccountCreation } from './create-account.ts';
import { CHANGED_MEANWHILE, renewCredential } from './credentials.ts';
import type { UserChange } from './events.ts';
import type { UserCleanup } from './manage.ts';
import type { NamedKeys } from './named-keys/named-keys.ts';
import type { AccountOptions } from './options.ts';
import type { Passwords } from './password.ts';
import type { RateLimiter } from './rate-limit.ts';
import type { Author } from './second-factor/change-policy.ts';
import type { SecondFactorDeps } from './second-factor/steps.ts';
import type { Sessions } from './sessions.ts';
import type { Tokens } from './tokens.ts';

/** Address at which the browser ends the provider session with this id; null: there is none. Throws what the wire answers. */
export type EndSession = (sessionId: string) => Promise<string | null>;

/** What the verbs and routes of this feature work with. */
export interface AccountService {
  database: Database;
  config: Config;
  access: Access;
  log: FastifyBaseLogger;
  options: AccountOptions;
  tokens: Tokens;
  sessions: Sessions;
  passwords: Passwords;
  apiKeys: ApiKeys;
  namedKeys: NamedKeys;
  creation: AccountCreation;
  signInLimit: RateLimiter;
  /** Of requests that post to sign-in routes, by address, while a second factor is asked for. */
  addressLimit: RateLimiter;
  /** Of sign-ups, by address. */
  signUpLimit: RateLimiter;
  secondFactor: SecondFactorDeps;
  /** Where is told what happened. */
  events: EventSink;
  /** What other features keep of a user that is removed. */
  cleanups: readonly UserCleanup[];
  /** Null where nobody can sign in at an identity provider. */
  endSession: EndSession | null;
  defaultImage: () => Promise<Buffer | null>;
  userChanged(userId: string, what: UserChange): void;
  /** Stores settings; those of the second factor by their own rules. */
  putSettings(values: Readonly<Record<string, unknown>>, author: Author): Promise<{ sessionsRevoked: boolean }>;
  /** Ends the token of a session, if it is one; gives whose it was. */
  signOut(token: string): Promise<string | null>;
}

const EMAIL = /^[^@\s]+@[^@\s]+\.[^@\s]+$/;

export interface SignUpForm {
  name: string;
  email: string;
  password: string;
  profile_image_url?: string | null;
}

/** Whether a stranger may make an account now (identity note, 6.3). Throws 403 when not. */
function assertSignUpOpen({ options, config }: AccountService, first: boolean): void {
  const open = options.authRequired
    ? first
      ? config.get('ui.enable_login_form') || options.initialAdminSignUp
      : config.get('ui.enable_signup') && config.get('ui.enable_login_form')
    : first;
  if (!open) throw new HttpError(403, detail.ACCESS_PROHIBITED);
}

/** Makes an account for whoever asks; the first one is the administrator. */
export async function signUp(service: AccountService, form: SignUpForm): Promise<User> {
  const first = !(await anyUser(service.database.db));
  assertSignUpOpen(service, first);
  await assertNewCredential(service, form);
  const password = await service.passwords.hash(form.password);
  const user = await service.creation.create(
    { ...form, password },
    {
      promote: true,
      closeSignUp: true,
      check: (stillFirst) => {
        // The administrator came first by a moment, and with that sign-up was closed.
        if (first && !stillFirst) throw new HttpError(403, detail.ACCESS_PROHIBITED);
      },
    },
  );
  announceCreated(service.events, user, 'api');
  announceAccount(service.events, 'auth.signup', { actor: user, data: { email: user.email } });
  return user;
}

/** An account made by an administrator. */
export async function addAccount(
  service: AccountService,
  actor: User,
  form: SignUpForm & { role: string },
): Promise<User> {
  await assertNewCredential(service, form);
  const password = await service.passwords.hash(form.password);
  const user = await service.creation.create({ ...form, password }, { promote: false, closeSignUp: false });
  announceCreated(service.events, user, 'admin', actor);
  return user;
}

async function assertNewCredential(service: AccountService, { email, password }: SignUpForm): Promise<void> {
  if (!email.toLowerCase().endsWith('@localhost') && !EMAIL.test(email)) {
    throw new HttpError(400, detail.INVALID_EMAIL_FORMAT);
  }
  if (await accountByEmail(service.database.db, email)) throw new HttpError(400, detail.EMAIL_TAKEN);
  service.passwords.assertAcceptable(password);
}

/** The user's own new password; ends all sessions, this one too. */
export async function changeOwnPassword(
  service: AccountService,
  { id: userId }: Pick<User, 'id'>,
  old: string,
  next: string,
): Promise<void> {
  const account = (await loadAccounts(service.database.db, [userId])).get(userId);
  if (!account?.auth || !(await service.passwords.verify(old, account.auth.password))) {
    throw new HttpError(400, detail.INCORRECT_PASSWORD);
  }
  service.passwords.assertAcceptable(next);
  const password = await service.passwords.hash(next);
  const done = await service.database.transaction((tx) =>
    renewCredential(tx, userId, { password, seen: account.auth }),
  );
  if (!done) throw new HttpError(409, CHANGED_MEANWHILE);
  service.userChanged(userId, 'revoked');
  announceAccount(service.events, 'auth.password_changed', { actor: account.user });
}

/** Ends every session of an account. */
export async function revokeSessions(service: AccountService, userId: string): Promise<void> {
  const done = await service.database.transaction((tx) => renewCredential(tx, userId));
  if (!done) throw new HttpError(404, 'User not found.');
  service.userChanged(userId, 'revoked');
}

/** The administrator an operator names in the environment; made only where there is no account. */
export async function createFirstAdmin({ database, options, passwords, creation, log }: AccountService): Promise<void> {
  const { firstAdmin } = options;
  if (!firstAdmin || (await anyUser(database.db))) return;
  const { email, name } = firstAdmin;
  const password = await passwords.hash(firstAdmin.password);
  try {
    const check = (first: boolean): void => {
      if (!first) throw new HttpError(403, detail.ACCESS_PROHIBITED, { code: 'not-first' });
    };
    await creation.create({ email, name, password, role: 'admin' }, { promote: true, closeSignUp: true, check });
    log.info({ email }, 'made the administrator named by WEBUI_ADMIN_EMAIL');
  } catch (error) {
    // Another process that starts at the same time was first.
    if (!(error instanceof HttpError) || error.code !== 'not-first') throw error;
  }
}
