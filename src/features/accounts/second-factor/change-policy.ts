import { randomUUID } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import type { Database } from '../../../kernel/database/index.ts';
import { HttpError } from '../../../kernel/http/errors.ts';
import type { Credential, User } from '../../../kernel/http/principal.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import { POLICY_KEYS, type Policy, policyProblem, samePolicy } from './policy.ts';
import { announce, type SecondFactorDeps } from './steps.ts';

export interface PolicyDeps extends SecondFactorDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  config: Config;
  log: FastifyBaseLogger;
  authRequired: boolean;
}

/** Who stores settings. */
export interface Author {
  user: User;
  credential: Credential | null;
}

/**
 * Stores settings, those of the second factor among them with their own rules: a person must have signed in, the policy must
 * be one that works here, and where it changes every session of everybody ends (identity note, 6.4 and 7.7). Gives whether
 * that happened.
 */
export async function putSettings(
  deps: PolicyDeps,
  values: Readonly<Record<string, unknown>>,
  { user, credential }: Author,
): Promise<{ sessionsRevoked: boolean }> {
  const { config } = deps;
  if (!POLICY_KEYS.some((key) => Object.hasOwn(values, key))) {
    await config.put(values);
    return { sessionsRevoked: false };
  }
  if (credential?.kind !== 'session') {
    throw new HttpError(403, 'A human administrator session is required to change MFA settings.');
  }
  if (!config.persistent('auth.mfa.enable')) {
    // Without a table there is no second factor to be had; the rest of the form may be stored.
    if (values['auth.mfa.enable'] !== false) throw unusable('ENABLE_MFA: needs ENABLE_PERSISTENT_CONFIG=true');
    await config.put(values);
    return { sessionsRevoked: false };
  }
  const changed = await deps.database.transaction(async (tx) => {
    const before = await config.locked(POLICY_KEYS, tx);
    const after = wantedPolicy(before, values);
    if (after['auth.mfa.enable']) {
      const problem = await policyProblem(tx, deps);
      if (problem !== null) throw unusable(problem);
    }
    await config.put(values, tx);
    if (samePolicy(before, after)) return false;
    // One stamp for all: a token names its account as well.
    await tx.updateTable('auth').set({ session_stamp: randomUUID() }).execute();
    return true;
  });
  if (changed) announce(deps, 'policy_changed', user);
  return { sessionsRevoked: changed };
}

function wantedPolicy(before: Policy, values: Readonly<Record<string, unknown>>): Policy {
  const wanted: Policy = { ...before };
  for (const key of POLICY_KEYS) {
    if (!Object.hasOwn(values, key)) continue;
    const value = values[key];
    if (typeof value !== 'boolean') throw unusable(`${key}: must be true or false`);
    wanted[key] = value;
  }
  return wanted;
}

function unusable(reason: string): HttpError {
  return new HttpError(409, 'Unable to update MFA policy. Check configuration and retry.', {
    code: 'second-factor.policy',
    cause: new Error(reason),
  });
}
