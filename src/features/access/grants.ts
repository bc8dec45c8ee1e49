import { randomUUID } from 'node:crypto';
import { isObject } from '../../kernel/json.ts';

export type PrincipalType = 'user' | 'group' | 'anyone';
export type Right = 'read' | 'write';

/** Who may do what with one object (identity note, 15). `user` + `*` is every signed-in user. */
export interface Grant {
  id: string;
  principal_type: PrincipalType;
  principal_id: string;
  permission: Right;
}

function readGrant(value: unknown): Grant | null {
  if (!isObject(value)) return null;
  const { id, principal_type: type, principal_id: principal, permission } = value;
  if (type !== 'user' && type !== 'group' && type !== 'anyone') return null;
  if (permission !== 'read' && permission !== 'write') return null;
  if (typeof principal !== 'string' || principal === '') return null;
  if (type === 'anyone' && (principal !== '*' || permission !== 'read')) return null;
  const ownId = typeof id === 'string' && id !== '' ? id : randomUUID();
  return { id: ownId, principal_type: type, principal_id: principal, permission };
}

/** What of a list from outside are grants, each audience and right once (the last one counts). */
export function normaliseGrants(list: unknown): Grant[] {
  const found = new Map<string, Grant>();
  for (const entry of Array.isArray(list) ? list : []) {
    const grant = readGrant(entry);
    if (grant) found.set(`${grant.principal_type} ${grant.principal_id} ${grant.permission}`, grant);
  }
  return [...found.values()];
}

/** Whether a list gives the right to a user with these groups. `anyone` never counts here. */
export function grantsAllow(
  grants: readonly Pick<Grant, 'principal_type' | 'principal_id' | 'permission'>[],
  userId: string,
  groupIds: ReadonlySet<string>,
  right: Right,
): boolean {
  return grants.some(
    ({ principal_type: type, principal_id: id, permission }) =>
      permission === right &&
      ((type === 'user' && (id === '*' || id === userId)) || (type === 'group' && groupIds.has(id))),
  );
}

/** The old `access_control` member as grants: null was public (private for files), `{}` private. */
export function grantsFromAccessControl(accessControl: unknown, resourceType: string): Grant[] {
  if (accessControl === null || accessControl === undefined) {
    if (resourceType === 'file') return [];
    return normaliseGrants([{ principal_type: 'user', principal_id: '*', permission: 'read' }]);
  }
  if (!isObject(accessControl)) return [];
  const entries: unknown[] = [];
  for (const permission of ['read', 'write'] as const) {
    const rule = accessControl[permission];
    if (!isObject(rule)) continue;
    for (const [type, ids] of [
      ['group', rule.group_ids],
      ['user', rule.user_ids],
    ]) {
      for (const id of Array.isArray(ids) ? ids : []) {
        entries.push({ principal_type: type, principal_id: id, permission });
      }
    }
  }
  return normaliseGrants(entries);
}

interface AccessRule {
  group_ids: string[];
  user_ids: string[];
}

/** Grants as the old `access_control` member: null when public for reading, `{}` when there are none. */
export function accessControlOf(
  grants: readonly Grant[],
): { read: AccessRule; write: AccessRule } | Record<string, never> | null {
  if (grants.length === 0) return {};
  if (grantsAllow(grants, '*', new Set(), 'read')) return null;
  const rule = (right: Right): AccessRule => ({
    group_ids: grants.filter((one) => one.principal_type === 'group' && one.permission === right).map(idOf),
    user_ids: grants.filter((one) => one.principal_type === 'user' && one.permission === right).map(idOf),
  });
  return { read: rule('read'), write: rule('write') };
}

function idOf(grant: Grant): string {
  return grant.principal_id;
}

/**
 * The grants of an object that lives in the configuration (tool servers, terminals, arena models): its `access_grants`,
 * or what an old `access_control` says when there is no such member. Nothing said means private.
 */
export function configuredGrants(holder: unknown): Grant[] {
  if (!isObject(holder)) return [];
  if (Object.hasOwn(holder, 'access_grants')) return normaliseGrants(holder.access_grants);
  const { access_control: old } = holder;
  return old === null || old === undefined ? [] : grantsFromAccessControl(old, 'configured');
}
