import { isObject } from '../../kernel/json.ts';
import type { GroupStep } from '../access/index.ts';
import { invalid } from './errors.ts';
import { bareName } from './filter.ts';
import type { Operation } from './user-patch.ts';

const ONE_MEMBER = /^members\[\s*value\s+eq\s+"([^"]*)"\s*\]$/i;

/**
 * The steps the operations mean (identity note, 17.4). What a group does not have here is passed over, as identity
 * providers send it along. Throws 400 for members that cannot be.
 */
export function readGroupPatch(operations: readonly Operation[], provider: string): GroupStep[] {
  return operations.flatMap(({ op, path, value }) => steps(op.toLowerCase(), path, value, provider));
}

/** Notes by which id a provider knows a group; null forgets it. */
export function externalIdStep(provider: string, id: string | null): GroupStep {
  return {
    kind: 'meta',
    change(stored) {
      const meta = isObject(stored) ? stored : {};
      const scim = isObject(meta.scim) ? meta.scim : {};
      return { ...meta, scim: { ...scim, [provider]: { external_id: id } } };
    },
  };
}

function steps(op: string, path: string | null, value: unknown, provider: string): GroupStep[] {
  if (op !== 'add' && op !== 'replace' && op !== 'remove') return [];
  if (!path) {
    if (!isObject(value) || op === 'remove') return [];
    return Object.entries(value).flatMap(([name, one]) => steps(op, name, one, provider));
  }
  const bare = bareName(path);
  const name = bare.toLowerCase();
  if (op === 'remove') {
    const one = ONE_MEMBER.exec(bare)?.[1];
    if (one !== undefined) return [{ kind: 'remove', userIds: [one] }];
    if (name === 'externalid') return [externalIdStep(provider, null)];
    if (name !== 'members') return [];
    // RFC 7644, 3.5.2.2: without a value all members go.
    if (value === undefined || value === null) return [{ kind: 'set', userIds: [] }];
    return [{ kind: 'remove', userIds: readMembers(Array.isArray(value) ? value : [value]) }];
  }
  if (name === 'displayname') {
    if (typeof value !== 'string') throw invalid('displayName must be a string');
    return [{ kind: 'name', name: value }];
  }
  if (name === 'externalid') {
    if (value !== null && typeof value !== 'string') throw invalid('externalId must be a string or null');
    return [externalIdStep(provider, value)];
  }
  if (name !== 'members') return [];
  return [{ kind: op === 'add' ? 'add' : 'set', userIds: readMembers(value) }];
}

/** Ids of the users in a list of members. Throws 400 for groups and for members without an id. */
export function readMembers(value: unknown): string[] {
  if (!Array.isArray(value) || !value.every(isObject)) throw invalid('Members must be a list of users.');
  return value.map((member) => {
    const { type, $ref: reference, value: id } = member;
    const foreign = typeof type === 'string' && type !== '' && type.toLowerCase() !== 'user';
    if (foreign || (typeof reference === 'string' && reference.includes('/Groups/'))) {
      throw invalid('Only direct User members are supported by SCIM.');
    }
    if (typeof id !== 'string' || id === '') throw invalid('A member user ID is required.');
    return id;
  });
}
