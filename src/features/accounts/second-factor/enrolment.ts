import { HttpError } from '../../../kernel/http/errors.ts';
import type { Credential, Principal } from '../../../kernel/http/principal.ts';
import { nowSeconds } from '../../../kernel/time.ts';
import { type ChallengeAnswer, findChallenge, openChallenge, userIdOf } from './challenges.ts';
import { acceptedStep, newRecoveryCodes, newSecret, setupPicture } from './codes.ts';
import { type Factor, spendFactor, wrongFactor } from './factors.ts';
import { countAttempt } from './limits.ts';
import type { Passed } from './sign-in.ts';
import { changedState } from './state.ts';
import {
  announce,
  attemptChallenge,
  type Held,
  noteEvent,
  type Outcome,
  type SecondFactorDeps,
  takeStep,
  throttled,
} from './steps.ts';

const SET_UP = ['enroll', 'replace'] as const;

/** The secret of a new authenticator, the same each time it is asked for. */
export async function startEnrolment(
  deps: SecondFactorDeps,
  token: string,
): Promise<{ manual_key: string; qr_code: string }> {
  const fresh = await newSecret();
  const { secret, email } = await takeStep(deps, userIdOf(token), ({ account, state }) => {
    const { slot, challenge } = findChallenge(state, account, token, SET_UP, deps.config.get('auth.mfa.enable'));
    const { email: address } = account.user;
    if (challenge.secret !== null) {
      const known = deps.secrets.decrypt(challenge.secret);
      return { result: () => ({ secret: known, email: address }) };
    }
    const begun = { ...challenge, secret: deps.secrets.encrypt(fresh) };
    return { state: changedState(state, { [slot]: begun }), result: () => ({ secret: fresh, email: address }) };
  });
  return { manual_key: secret, qr_code: await setupPicture(secret, email) };
}

/** A new authenticator in use; `passed` where that ended a sign-in. */
export interface Enrolled {
  recovery_codes: string[];
  passed: Passed | null;
}

/** Takes a new authenticator into use with a first code. Ends every session. */
export async function confirmEnrolment(deps: SecondFactorDeps, token: string, code: string): Promise<Enrolled> {
  const { codes, hashes } = newRecoveryCodes();
  const { user, stamp, challenge, reset } = await attemptChallenge<Passed & { reset: boolean }>(
    deps,
    token,
    SET_UP,
    async ({ account, state, challenge: open }) => {
      const secret = open.secret === null ? null : deps.secrets.decrypt(open.secret);
      // A new secret has no spent codes.
      const step = secret === null ? null : await acceptedStep(secret, code.trim(), -1, nowSeconds());
      if (step === null) {
        const after = () => announce(deps, 'failed', account.user, { step: open.type });
        return { state, refused: new HttpError(401, 'Invalid code. Check your authenticator and try again.'), after };
      }
      const enrolled = changedState(state, {
        secret: open.secret,
        last_step: step,
        recovery_hashes: hashes,
        login_challenge: null,
        manage_challenge: null,
        reset_required: false,
        reset_ticket: null,
      });
      const result = (next: string | null) => ({
        user: account.user,
        stamp: next,
        challenge: open,
        reset: state.reset_required,
      });
      return { state: enrolled, endSessions: true, result };
    },
  );
  const replaced = challenge.type === 'replace';
  announce(deps, replaced ? 'replaced' : 'enrolled', user);
  if (reset) noteEvent(deps, 'reset_completed', user);
  return { recovery_codes: codes, passed: replaced ? null : { user, stamp, challenge } };
}

/** Seconds a sign-in counts as recent enough to change the second factor. */
const RECENT = 300;

/** Throws 403 unless the person of a session has signed in a moment ago. */
export function assertRecent({ auth_time: since }: Credential['claims']): void {
  if (typeof since === 'number' && nowSeconds() - since <= RECENT) return;
  throw new HttpError(403, 'reauthentication_required');
}

/** A step a signed-in person takes with a code of their own. */
async function withOwnFactor<T>(
  deps: SecondFactorDeps,
  { user, credential }: Pick<Principal, 'user' | 'credential'>,
  factor: Factor,
  step: (held: Held) => Outcome<T>,
): Promise<T> {
  const { session_stamp: stamp } = credential.claims;
  assertRecent(credential.claims);
  if (!deps.config.get('auth.mfa.enable')) throw new HttpError(403, 'MFA is disabled.');
  const result = await takeStep<T>(deps, user.id, async ({ account, state }) => {
    const counted = countAttempt(state, 'factor', nowSeconds());
    if ('throttled' in counted) return throttled(deps, user.id, 'factor', counted.throttled);
    if ((stamp ?? null) !== account.auth.stamp) {
      return { state: counted.state, refused: new HttpError(401, 'Session expired. Please sign in again.') };
    }
    const spent = await spendFactor(counted.state, factor, deps.secrets);
    if (spent) return step({ account, state: spent });
    const after = () => announce(deps, 'failed', user, { step: 'manage' });
    return { state: counted.state, refused: wrongFactor(), after };
  });
  if (factor.recovery) announce(deps, 'recovery_used', user);
  return result;
}

/** Begins to put a new authenticator in place of the one in use. */
export function beginReplacement(
  deps: SecondFactorDeps,
  principal: Pick<Principal, 'user' | 'credential'>,
  factor: Factor,
): Promise<ChallengeAnswer> {
  const { auth_method, auth_time } = principal.credential.claims;
  const method = typeof auth_method === 'string' ? auth_method : 'password';
  return withOwnFactor(deps, principal, factor, ({ account, state }) => {
    const start = { type: 'replace', auth_method: method, auth_time: Number(auth_time) } as const;
    const { state: opened, answer } = openChallenge(state, account, start);
    return { state: opened, result: () => answer };
  });
}

/** New recovery codes in place of all old ones. Ends every session. */
export async function renewRecoveryCodes(
  deps: SecondFactorDeps,
  principal: Pick<Principal, 'user' | 'credential'>,
  factor: Factor,
): Promise<{ recovery_codes: string[] }> {
  const { codes, hashes } = newRecoveryCodes();
  await withOwnFactor(deps, principal, factor, ({ state }) => ({
    state: changedState(state, { recovery_hashes: hashes, login_challenge: null, manage_challenge: null }),
    endSessions: true,
    result: () => undefined,
  }));
  announce(deps, 'recovery_codes_regenerated', principal.user);
  return { recovery_codes: codes };
}
