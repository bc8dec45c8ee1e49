import { HttpError } from '../../../kernel/http/errors.ts';
import { nowSeconds } from '../../../kernel/time.ts';
import type { ActiveAccount } from '../credentials.ts';
import { hashOf, newToken } from './codes.ts';
import { type Challenge, type ChallengeType, changedState, type SecondFactorState } from './state.ts';

/** What a client gets of a challenge (MfaChallenge). */
export interface ChallengeAnswer {
  next_step: 'enroll' | 'verify' | 'recover';
  challenge_token: string;
  /** Seconds. */
  expires_in: number;
}

/** Seconds. */
export const CHALLENGE_LIFE = 300;
const MAX_USER_ID = 64;

export function expiredChallenge(): HttpError {
  return new HttpError(401, 'This authentication step expired. Please start again.');
}

type Slot = 'login_challenge' | 'manage_challenge';
export type ChallengeStart = Pick<Challenge, 'type' | 'auth_method' | 'auth_time'> &
  Partial<Pick<Challenge, 'oauth_session_id' | 'provider'>>;

/** A new challenge in place of the one before, and its token, which is nowhere kept. */
export function openChallenge(
  state: SecondFactorState,
  { user, auth }: ActiveAccount,
  start: ChallengeStart,
): { state: SecondFactorState; answer: ChallengeAnswer } {
  const token = `${user.id}.${newToken()}`;
  const challenge: Challenge = {
    token_hash: hashOf(token),
    expires_at: nowSeconds() + CHALLENGE_LIFE,
    attempts: 0,
    session_stamp: auth.stamp,
    secret: null,
    oauth_session_id: null,
    provider: null,
    ...start,
  };
  const slot: Slot = start.type === 'replace' ? 'manage_challenge' : 'login_challenge';
  return {
    state: changedState(state, { [slot]: challenge }),
    answer: presentChallenge(challenge, token, CHALLENGE_LIFE),
  };
}

export function presentChallenge({ type }: Challenge, token: string, expiresIn: number): ChallengeAnswer {
  return {
    next_step: type === 'replace' ? 'enroll' : type,
    challenge_token: token,
    expires_in: expiresIn,
  };
}

/** The account a token of a challenge is of, before it is known to be one. Throws 401 for what cannot be a token. */
export function userIdOf(token: string): string {
  const at = token.indexOf('.');
  if (at < 0 || at > MAX_USER_ID) throw expiredChallenge();
  return token.slice(0, at);
}

/** The challenge a token stands for, where it is one of these types and still counts (identity note, 7.4). */
export function findChallenge(
  state: SecondFactorState,
  { user, auth }: ActiveAccount,
  token: string,
  types: readonly ChallengeType[],
  enabled: boolean,
): { slot: Slot; challenge: Challenge } {
  const hash = hashOf(token);
  const slot: Slot = state.manage_challenge?.token_hash === hash ? 'manage_challenge' : 'login_challenge';
  const challenge = state[slot];
  const counts =
    challenge?.token_hash === hash &&
    types.includes(challenge.type) &&
    challenge.expires_at > nowSeconds() &&
    challenge.session_stamp === auth.stamp;
  if (!counts) throw expiredChallenge();
  if (user.role !== 'admin' && user.role !== 'user') throw new HttpError(403, 'Account is awaiting approval.');
  if (!enabled) throw new HttpError(403, 'MFA is disabled. Please sign in again.');
  return { slot, challenge };
}
