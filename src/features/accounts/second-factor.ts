import type { Config } from '../../kernel/settings/index.ts';

/** Whether sessions begun by this method must have passed the second factor (identity note, 7.2). */
export function secondFactorNeeded(config: Pick<Config, 'get'>, method: unknown): boolean {
  if (!config.get('auth.mfa.enable')) return false;
  if (method === 'oauth') return !config.get('auth.mfa.allow_oauth_bypass');
  return method !== 'trusted_header' || !config.get('auth.mfa.allow_trusted_header_bypass');
}

/** A second factor's state without what was begun and not finished, as every credential change leaves it. */
export function withoutChallenges(state: unknown, revision: string): Record<string, unknown> | null {
  if (typeof state !== 'object' || state === null || Array.isArray(state)) return null;
  return { ...state, revision, login_challenge: null, manage_challenge: null, reset_ticket: null };
}
