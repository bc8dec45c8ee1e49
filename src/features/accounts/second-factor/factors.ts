import { HttpError } from '../../../kernel/http/errors.ts';
import { nowSeconds } from '../../../kernel/time.ts';
import { acceptedStep, recoveryHash } from './codes.ts';
import type { SecretBox } from './secrets.ts';
import { changedState, type SecondFactorState } from './state.ts';

/** What the person enters. */
export interface Factor {
  code: string;
  /** `code` is one of the recovery codes. */
  recovery: boolean;
}

/** The state in which a right code is spent; null for a wrong or spent one. */
export async function spendFactor(
  state: SecondFactorState,
  { code, recovery }: Factor,
  secrets: Pick<SecretBox, 'decrypt'>,
): Promise<SecondFactorState | null> {
  if (recovery) {
    const hash = recoveryHash(code);
    if (!state.recovery_hashes.includes(hash)) return null;
    return changedState(state, { recovery_hashes: state.recovery_hashes.filter((one) => one !== hash) });
  }
  if (state.secret === null) return null;
  const step = await acceptedStep(secrets.decrypt(state.secret), code.trim(), state.last_step, nowSeconds());
  return step === null ? null : changedState(state, { last_step: step });
}

export function wrongFactor(): HttpError {
  return new HttpError(401, 'Invalid or already used code.');
}
