import { randomUUID } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import type { Audit } from '../../../kernel/audit/index.ts';
import type { Database } from '../../../kernel/database/index.ts';
import { HttpError } from '../../../kernel/http/errors.ts';
import type { User } from '../../../kernel/http/principal.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import { nowSeconds } from '../../../kernel/time.ts';
import type { EventSink } from '../../configuration/index.ts';
import { announceAccount } from '../announce.ts';
import { type ActiveAccount, lockAccount, writeCredential } from '../credentials.ts';
import type { UserChange } from '../events.ts';
import { findChallenge, userIdOf } from './challenges.ts';
import { assertAttemptsLeft, countAttempt } from './limits.ts';
import type { SecretBox } from './secrets.ts';
import {
  type Challenge,
  type ChallengeType,
  changedState,
  type LimitName,
  readState,
  type SecondFactorState,
} from './state.ts';

/** What the verbs of the second factor work with. */
export interface SecondFactorDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  config: Pick<Config, 'get'>;
  secrets: SecretBox;
  events: EventSink;
  log: FastifyBaseLogger;
  /** Null: nothing is audited. */
  audit: Pick<Audit, 'happened'> | null;
  userChanged(userId: string, what: UserChange): void;
}

/** How one step of a sign-in or of a change ends. What is in `state` is stored, after a refusal too. */
export type Outcome<T> = {
  state?: SecondFactorState;
  /** Ends every session: the account gets a new stamp. */
  endSessions?: boolean;
  /** Tells of it, once it is stored. */
  after?: () => void;
} & ({ result: (stamp: string | null) => T } | { refused: HttpError });

/** The account and what is stored of its second factor, while nobody else can change it. */
export interface Held {
  account: ActiveAccount;
  state: SecondFactorState;
}

/**
 * One step on an account's second factor. The row is held from reading to writing, in every process: no code is taken twice
 * and no attempt is lost, however many come at once.
 */
export async function takeStep<T>(
  deps: SecondFactorDeps,
  userId: string,
  step: (held: Held) => Outcome<T> | Promise<Outcome<T>>,
): Promise<T> {
  const { stamp, outcome } = await deps.database.transaction(async (tx) => {
    const account = await lockAccount(tx, userId);
    if (!account) throw new HttpError(401, 'Invalid authentication request.');
    const taken = await step({ account, state: readState(account.auth.mfa) });
    const next = taken.endSessions ? randomUUID() : null;
    if (taken.state) {
      await writeCredential(tx, userId, { mfa: taken.state, ...(next !== null && { session_stamp: next }) });
    }
    tx.onCommit(() => {
      if (next !== null) deps.userChanged(userId, 'revoked');
    });
    return { stamp: next ?? account.auth.stamp, outcome: taken };
  });
  outcome.after?.();
  if ('refused' in outcome) throw outcome.refused;
  return outcome.result(stamp);
}

/** A challenge whose attempt has been counted. */
export interface Attempt extends Held {
  challenge: Challenge;
}

/** A step that tries something against a challenge: the attempt counts, whatever comes of it. */
export function attemptChallenge<T>(
  deps: SecondFactorDeps,
  token: string,
  types: readonly ChallengeType[],
  attempt: (attempt: Attempt) => Outcome<T> | Promise<Outcome<T>>,
): Promise<T> {
  return takeStep(deps, userIdOf(token), async ({ account, state }) => {
    const { slot, challenge } = findChallenge(state, account, token, types, deps.config.get('auth.mfa.enable'));
    assertAttemptsLeft(challenge, nowSeconds());
    const counted = countAttempt(state, 'factor', nowSeconds());
    if ('throttled' in counted) return throttled(deps, account.user.id, 'factor', counted.throttled);
    const tried = { ...challenge, attempts: challenge.attempts + 1 };
    return attempt({ account, state: changedState(counted.state, { [slot]: tried }), challenge: tried });
  });
}

/** Too many attempts: nothing is stored, a line in the log stays. */
export function throttled(
  deps: Noting,
  userId: string,
  limit: LimitName,
  refused: HttpError,
): { after: () => void; refused: HttpError } {
  return { refused, after: () => noteEvent(deps, 'throttled', { id: userId }, { limit }) };
}

type Noting = Pick<SecondFactorDeps, 'audit' | 'log'>;

/** What happens to a second factor leaves a line in the log and one in the audit log, without codes and secrets. */
export function noteEvent(
  { audit, log }: Noting,
  event: string,
  user: Pick<User, 'id'> & Partial<User>,
  data: Record<string, unknown> = {},
): void {
  log.info({ event: `auth.mfa.${event}`, user: user.id, ...data }, 'second factor');
  audit?.happened('MFA', '/api/v1/auths/mfa', user, { event: `auth.mfa.${event}`, ...data });
}

/** Notes it, and tells webhooks and functions. */
export function announce(
  deps: Noting & Pick<SecondFactorDeps, 'events'>,
  event: string,
  user: User,
  data: Record<string, unknown> = {},
): void {
  noteEvent(deps, event, user, data);
  announceAccount(deps.events, `auth.mfa.${event}`, { actor: user, data });
}
