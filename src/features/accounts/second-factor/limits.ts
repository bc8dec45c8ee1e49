import { HttpError } from '../../../kernel/http/errors.ts';
import { type Challenge, changedState, type LimitName, type SecondFactorState } from './state.ts';

const LIMIT = 10;
/** Seconds. */
const WINDOW = 900;
const CHALLENGE_ATTEMPTS = 5;

/** The state with one more attempt; or the refusal, where the window has no more (identity note, 7.6). */
export function countAttempt(
  state: SecondFactorState,
  name: LimitName,
  now: number,
): { state: SecondFactorState } | { throttled: HttpError } {
  const open = state.limits[name];
  const window = open && open.expires_at > now ? open : { count: 0, expires_at: now + WINDOW };
  if (window.count >= LIMIT) return { throttled: tooMany('Too many attempts. Please try again later.', window, now) };
  const limits = { ...state.limits, [name]: { ...window, count: window.count + 1 } };
  return { state: changedState(state, { limits }) };
}

/** Throws 429 when the challenge has had all its attempts. */
export function assertAttemptsLeft(challenge: Challenge, now: number): void {
  if (challenge.attempts >= CHALLENGE_ATTEMPTS) throw tooMany('Too many codes. Please sign in again.', challenge, now);
}

function tooMany(text: string, { expires_at }: { expires_at: number }, now: number): HttpError {
  return new HttpError(429, text, { headers: { 'retry-after': String(Math.max(1, expires_at - now)) } });
}
