import { randomUUID } from 'node:crypto';
import type { Transaction } from '../../kernel/database/index.ts';
import { isObject } from '../../kernel/json.ts';
import { nowSeconds } from '../../kernel/time.ts';
import {
  deleteMembers,
  type Group,
  groupIdsOf,
  groupsByName,
  insertGroup,
  insertMembers,
  listGroups,
  updateGroup,
} from './group-store.ts';

/** Groups an identity provider says somebody belongs to. */
export interface ClaimedGroups {
  names: readonly string[];
  /** Names that are neither joined, left nor made. */
  blocked(name: string): boolean;
  /** How missing groups are made; null: they are passed over. */
  create: { ownerId: string; describe(name: string): string; share: boolean | 'members' } | null;
  /** Written into new groups, and into those with none that are joined or left. */
  permissions: Record<string, unknown>;
}

export type NamedGroup = Pick<Group, 'id' | 'name'>;

export interface ClaimedChange {
  created: NamedGroup[];
  joined: NamedGroup[];
  left: NamedGroup[];
}

/** Direct memberships as the provider has them (identity note, 8.6). Run it alone among changes of groups. */
export async function applyClaimedGroups(
  tx: Transaction,
  userId: string,
  claimed: ClaimedGroups,
): Promise<ClaimedChange> {
  const now = nowSeconds();
  const names = new Set(claimed.names.filter((name) => !claimed.blocked(name)));
  const held = await listGroups(tx, (await groupIdsOf(tx, [userId])).get(userId) ?? []);
  const left = held.filter(({ name }) => !names.has(name) && !claimed.blocked(name));
  const heldNames = new Set(held.map(({ name }) => name));
  const known = await groupsByName(tx, [...names]);
  const created = await createMissing(tx, claimed, names, new Set(known.map(({ name }) => name)), now);
  const joined = [...known, ...created].filter(({ name }) => !heldNames.has(name));
  for (const { id } of joined) await insertMembers(tx, id, [userId], now);
  for (const { id } of left) await deleteMembers(tx, id, [userId]);
  const touched = await listGroups(
    tx,
    [...joined, ...left].map(({ id }) => id),
  );
  for (const group of touched) {
    const bare = !isObject(group.permissions) || Object.keys(group.permissions).length === 0;
    await updateGroup(tx, group.id, { updated_at: now, ...(bare && { permissions: claimed.permissions }) });
  }
  return { created, joined, left };
}

async function createMissing(
  tx: Transaction,
  { create, permissions }: ClaimedGroups,
  names: ReadonlySet<string>,
  known: ReadonlySet<string>,
  now: number,
): Promise<NamedGroup[]> {
  if (!create) return [];
  const made: NamedGroup[] = [];
  for (const name of names) {
    if (known.has(name)) continue;
    const id = randomUUID();
    await insertGroup(tx, {
      id,
      parent_group_id: null,
      user_id: create.ownerId,
      name,
      description: create.describe(name),
      data: { config: { share: create.share } },
      meta: null,
      permissions,
      created_at: now,
      updated_at: now,
    });
    made.push({ id, name });
  }
  return made;
}
