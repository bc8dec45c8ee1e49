import { type CountedGroup, groupIdsOf, listGroups, withAncestors } from '../access/index.ts';
import type { AccountService } from './service.ts';

/** A group without the number of members (GroupModel). */
export function presentGroup({ member_count: _count, ...group }: CountedGroup) {
  return group;
}

/** The groups of a user, direct ones or with those above, each marked then. */
export async function presentGroups({ database, access }: AccountService, userId: string, inherited: boolean) {
  const direct = (await groupIdsOf(database.db, [userId])).get(userId) ?? [];
  if (!inherited) return (await listGroups(database.db, direct)).map(presentGroup);
  const held = new Set(direct);
  const all = withAncestors(direct, await access.allGroups());
  return (await listGroups(database.db, [...all])).map((group) => ({
    ...presentGroup(group),
    membership_type: held.has(group.id) ? 'direct' : 'inherited',
  }));
}
