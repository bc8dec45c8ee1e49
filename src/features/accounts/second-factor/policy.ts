import type { Db } from '../../../kernel/database/index.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import type { SecretBox } from './secrets.ts';

/** Settings that say when a second factor is asked for. */
export const POLICY_KEYS = [
  'auth.mfa.enable',
  'auth.mfa.allow_oauth_bypass',
  'auth.mfa.allow_trusted_header_bypass',
] as const;

export type Policy = Record<(typeof POLICY_KEYS)[number], boolean>;

/** Whether sessions begun by this method must have passed the second factor (identity note, 7.2). */
export function secondFactorNeeded(config: Pick<Config, 'get'>, method: unknown): boolean {
  if (!config.get('auth.mfa.enable')) return false;
  if (method === 'oauth') return !config.get('auth.mfa.allow_oauth_bypass');
  return method !== 'trusted_header' || !config.get('auth.mfa.allow_trusted_header_bypass');
}

/** The policy in effect. */
export function policyOf(config: Pick<Config, 'get'>): Policy {
  return {
    'auth.mfa.enable': config.get('auth.mfa.enable'),
    'auth.mfa.allow_oauth_bypass': config.get('auth.mfa.allow_oauth_bypass'),
    'auth.mfa.allow_trusted_header_bypass': config.get('auth.mfa.allow_trusted_header_bypass'),
  };
}

export function samePolicy(one: Policy, other: Policy): boolean {
  return POLICY_KEYS.every((key) => one[key] === other[key]);
}

export interface PolicyConditions {
  /** WEBUI_AUTH. */
  authRequired: boolean;
  config: Pick<Config, 'persistent'>;
  secrets: Pick<SecretBox, 'read'>;
}

const PAGE = 500;

/** Why a second factor cannot be asked for here, for the operator; null where it can (identity note, 7.7). */
export async function policyProblem(
  db: Db,
  { authRequired, config, secrets }: PolicyConditions,
): Promise<string | null> {
  if (!authRequired || !config.persistent('auth.mfa.enable')) {
    return 'ENABLE_MFA: needs WEBUI_AUTH=true and ENABLE_PERSISTENT_CONFIG=true';
  }
  for (let after = ''; ; ) {
    const rows = await db
      .selectFrom('auth')
      .select(['id', 'mfa'])
      .where('mfa', 'is not', null)
      .where('id', '>', after)
      .orderBy('id')
      .limit(PAGE)
      .execute();
    for (const { id, mfa } of rows) {
      const secret = secretOf(mfa);
      if (typeof secret === 'string' && secrets.read(secret) === null) {
        return `the second factor of account ${id} was stored with another key: give back the WEBUI_SECRET_KEY or MFA_ENCRYPTION_KEY it was made with, or reset it (loggia mfa reset)`;
      }
    }
    const last = rows.at(-1);
    if (rows.length < PAGE || !last) return null;
    after = last.id;
  }
}

function secretOf(mfa: unknown): unknown {
  return typeof mfa === 'object' && mfa !== null && 'secret' in mfa ? mfa.secret : null;
}
