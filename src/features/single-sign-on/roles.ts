import type { JsonObject } from '../../kernel/json.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import { listClaim } from './claims.ts';

export interface RoleRules {
  /** Name of the claim that lists roles. */
  claim: string;
  separator: string;
  allowed: readonly string[];
  admin: readonly string[];
}

/** How claims decide about roles; null: they do not. */
export function roleRules(config: Pick<Config, 'get'>, settings: Pick<Settings, 'get'>): RoleRules | null {
  if (!config.get('oauth.enable_role_mapping')) return null;
  return {
    claim: config.get('oauth.roles_claim'),
    separator: settings.get('OAUTH_ROLES_SEPARATOR'),
    allowed: config.get('oauth.allowed_roles'),
    admin: config.get('oauth.admin_roles'),
  };
}

/** The first of several sets of claims that lists roles at all counts. */
export function claimedRoles(rules: RoleRules, sources: readonly JsonObject[]): string[] {
  for (const claims of sources) {
    const roles = listClaim(claims, rules.claim, rules.separator);
    if (roles.length > 0) return roles;
  }
  return [];
}

/** The role that roles of the provider give; null: none of them may sign in. */
export function mappedRole(rules: RoleRules, roles: readonly string[]): 'admin' | 'user' | null {
  const held = new Set(roles);
  if (rules.admin.some((one) => held.has(one))) return 'admin';
  return rules.allowed.some((one) => one === '*' || held.has(one)) ? 'user' : null;
}
