import { HttpError } from '../../../kernel/http/errors.ts';
import type { User } from '../../../kernel/http/principal.ts';
import { nowSeconds } from '../../../kernel/time.ts';
import type { Account } from '../account-store.ts';
import { CHANGED_MEANWHILE, sameCredential } from '../credentials.ts';
import type { AuthMethod } from '../tokens.ts';
import { type ChallengeAnswer, findChallenge, openChallenge, presentChallenge, userIdOf } from './challenges.ts';
import { hashOf } from './codes.ts';
import { type Factor, spendFactor, wrongFactor } from './factors.ts';
import { countAttempt } from './limits.ts';
import { type Challenge, changedState } from './state.ts';
import { announce, attemptChallenge, type SecondFactorDeps, takeStep, throttled } from './steps.ts';

/** A sign-in with an identity provider that goes on after the second factor. */
export interface ProviderSession {
  oauth_session_id: string | null;
  provider: string;
}

/** A sign-in that has passed the second factor. */
export interface Passed {
  user: User;
  /** The stamp its session gets. */
  stamp: string | null;
  challenge: Challenge;
}

/** Counts one try of a password. Throws 429 when the account has had too many (identity note, 7.6). */
export function countPassword(deps: SecondFactorDeps, userId: string): Promise<void> {
  return takeStep(deps, userId, ({ state }) => {
    const counted = countAttempt(state, 'password', nowSeconds());
    if ('throttled' in counted) return throttled(deps, userId, 'password', counted.throttled);
    return { state: counted.state, result: () => undefined };
  });
}

/** Asks for the second factor of an account whose first one was just verified (identity note, 7.3). */
export function beginChallenge(
  deps: SecondFactorDeps,
  { user, auth }: Account,
  method: AuthMethod,
  session?: ProviderSession,
): Promise<ChallengeAnswer> {
  return takeStep(deps, user.id, ({ account, state }) => {
    if (!sameCredential(account.auth, auth)) return { refused: new HttpError(409, CHANGED_MEANWHILE) };
    const type = state.reset_required ? 'recover' : state.secret !== null ? 'verify' : 'enroll';
    const start = { type, auth_method: method, auth_time: nowSeconds(), ...session } as const;
    const { state: opened, answer } = openChallenge(state, account, start);
    return { state: opened, result: () => answer };
  });
}

/** The challenge a browser was sent on with, as a client needs it. */
export function resumeChallenge(deps: SecondFactorDeps, token: string): Promise<ChallengeAnswer> {
  return takeStep(deps, userIdOf(token), ({ account, state }) => {
    const types = ['enroll', 'verify', 'recover'] as const;
    const { challenge } = findChallenge(state, account, token, types, deps.config.get('auth.mfa.enable'));
    return { result: () => presentChallenge(challenge, token, challenge.expires_at - nowSeconds()) };
  });
}

/** Ends a sign-in with a code of the authenticator or a recovery code. */
export async function verifyFactor(deps: SecondFactorDeps, token: string, factor: Factor): Promise<Passed> {
  const passed = await attemptChallenge<Passed>(deps, token, ['verify'], async ({ account, state, challenge }) => {
    const spent = await spendFactor(state, factor, deps.secrets);
    if (!spent) {
      const after = () => announce(deps, 'failed', account.user, { step: 'verify' });
      return { state, refused: wrongFactor(), after };
    }
    return {
      state: changedState(spent, { login_challenge: null }),
      result: (stamp) => ({ user: account.user, stamp, challenge }),
    };
  });
  if (factor.recovery) announce(deps, 'recovery_used', passed.user);
  return passed;
}

/** Takes the token an operator gave for a lost authenticator; a new one can be set up then. */
export async function redeemTicket(deps: SecondFactorDeps, token: string, ticket: string): Promise<ChallengeAnswer> {
  return attemptChallenge(deps, token, ['recover'], ({ account, state, challenge }) => {
    const { reset_ticket: stored } = state;
    if (!stored || stored.expires_at <= nowSeconds() || stored.token_hash !== hashOf(ticket.trim())) {
      const after = () => announce(deps, 'failed', account.user, { step: 'recover' });
      return { state, refused: new HttpError(401, 'Invalid or expired operator recovery token.'), after };
    }
    const { auth_method, auth_time, oauth_session_id, provider } = challenge;
    // That a reset is under way stays noted until the new authenticator is confirmed.
    const used = changedState(state, { reset_ticket: null });
    const start = { type: 'enroll', auth_method, auth_time, oauth_session_id, provider } as const;
    const { state: opened, answer } = openChallenge(used, account, start);
    return { state: opened, result: () => answer };
  });
}
