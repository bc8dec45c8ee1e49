import { randomUUID } from 'node:crypto';
import type { Database, Transaction } from '../../kernel/database/index.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import { isObject } from '../../kernel/json.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { applyClaimedGroups, type ClaimedChange, type ClaimedGroups } from './claimed-groups.ts';
import {
  type CountedGroup,
  deleteGroup,
  deleteMembers,
  existingUserIds,
  findGroup,
  type GroupChange,
  groupIdsOf,
  groupsByName,
  insertGroup,
  insertMembers,
  lockGroups,
  memberIds,
  updateGroup,
} from './group-store.ts';
import { withDescendants } from './hierarchy.ts';
import { loadGroups, removeGrantsTo } from './store.ts';

export interface GroupForm {
  name: string;
  description: string;
  /** Absent: unchanged. */
  parent_group_id?: string | null;
  permissions?: Record<string, unknown> | null;
  data?: Record<string, unknown> | null;
}

/** One step of a provisioned change; `set` replaces all direct members. */
export type GroupStep =
  | { kind: 'name'; name: string }
  | { kind: 'meta'; change(stored: unknown): Record<string, unknown> }
  | { kind: 'set' | 'add' | 'remove'; userIds: readonly string[] };

export interface ProvisionedGroup {
  group: CountedGroup;
  /** Direct members that were not before, and those that are no more. */
  added: string[];
  removed: string[];
}

/** Changes to groups and memberships. Users whose access may differ afterwards are told after the commit. */
export interface Groups {
  create(ownerId: string, form: GroupForm): Promise<CountedGroup>;
  update(id: string, form: GroupForm): Promise<CountedGroup>;
  /** Gives the ids of its children, which now hang under its parent. */
  remove(id: string): Promise<string[]>;
  /** All steps or none, in one transaction. Throws 400 where a user to be added does not exist. */
  provision(target: { id: string } | { ownerId: string }, steps: readonly GroupStep[]): Promise<ProvisionedGroup>;
  addMembers(id: string, userIds: readonly string[]): Promise<CountedGroup>;
  removeMembers(id: string, userIds: readonly string[]): Promise<CountedGroup>;
  /**
   * Makes the user a direct member of exactly the groups with these names (sign-in by proxy or directory). Groups that do
   * not exist are passed over, or made in the name of `createAs`.
   */
  syncByName(userId: string, names: readonly string[], options?: { createAs?: string }): Promise<void>;
  /** Makes the user a direct member of the groups an identity provider names, but for blocked ones. */
  applyClaimed(userId: string, claimed: ClaimedGroups): Promise<ClaimedChange>;
  /** Adds a new account to the default group, in its transaction; false when there is no such group. */
  addToDefault(tx: Transaction, groupId: string, userId: string): Promise<boolean>;
}

interface GroupDeps {
  database: Pick<Database, 'transaction'>;
  /** `data.config.share` of new groups that do not say. */
  defaultShare: boolean | 'members';
  /** Tells that what these users may do has changed. */
  announce(userIds: readonly string[]): void;
  log: Pick<Log, 'warn'>;
}

const missing = (): HttpError => new HttpError(404, 'Group not found.');

export function createGroups({ database, defaultShare, announce, log }: GroupDeps): Groups {
  /** Runs `work` alone among group changes; its users are told after the commit. */
  const change = <T>(work: (tx: Transaction, tell: (userIds: readonly string[]) => void) => Promise<T>): Promise<T> =>
    database.transaction(async (tx) => {
      await lockGroups(tx);
      const told = new Set<string>();
      tx.onCommit(() => announce([...told]));
      return work(tx, (userIds) => {
        for (const id of userIds) told.add(id);
      });
    });

  /** Inserts a group without members; gives its id. */
  const insertNew = async (tx: Transaction, form: Partial<GroupForm> & { ownerId: string; name: string }) => {
    const id = randomUUID();
    const now = nowSeconds();
    await insertGroup(tx, {
      id,
      parent_group_id: form.parent_group_id ?? null,
      user_id: form.ownerId,
      name: form.name,
      description: form.description ?? '',
      data: withShare(form.data ?? {}, defaultShare),
      meta: null,
      permissions: form.permissions ?? null,
      created_at: now,
      updated_at: now,
    });
    return id;
  };

  return {
    create: (ownerId, form) =>
      change(async (tx) => {
        await assertParent(tx, null, form.parent_group_id);
        return existing(tx, await insertNew(tx, { ...form, ownerId }));
      }),
    update: (id, form) =>
      change(async (tx, tell) => {
        const before = await existing(tx, id);
        const { change: written, access } = await changeOf(tx, before, form);
        await updateGroup(tx, id, written);
        if (access) tell(await memberIds(tx, withDescendants(id, await loadGroups(tx))));
        return existing(tx, id);
      }),
    remove: (id) =>
      change(async (tx, tell) => {
        const group = await existing(tx, id);
        tell(await memberIds(tx, withDescendants(id, await loadGroups(tx))));
        const promoted = await deleteGroup(tx, group);
        await removeGrantsTo(tx, 'group', id);
        return promoted;
      }),
    provision: (target, steps) =>
      change(async (tx, tell) => {
        const id = 'id' in target ? target.id : await insertNew(tx, { ...target, name: '' });
        const stored = await existing(tx, id);
        const now = nowSeconds();
        const before = new Set(await memberIds(tx, [id]));
        const { name, members } = await resultOf(tx, steps, before);
        const meta = steps.filter((step) => step.kind === 'meta');
        const added = [...members].filter((one) => !before.has(one));
        const removed = [...before].filter((one) => !members.has(one));
        await insertMembers(tx, id, added, now);
        await deleteMembers(tx, id, removed);
        await updateGroup(tx, id, {
          ...(name !== undefined && { name }),
          ...(meta.length > 0 && { meta: meta.reduce<unknown>((at, { change }) => change(at), stored.meta) }),
          updated_at: now,
        });
        tell([...added, ...removed]);
        return { group: await existing(tx, id), added, removed };
      }),
    addMembers: (id, userIds) =>
      change(async (tx, tell) => {
        await existing(tx, id);
        const known = await existingUserIds(tx, userIds);
        await insertMembers(tx, id, known, nowSeconds());
        await updateGroup(tx, id, { updated_at: nowSeconds() });
        tell(known);
        return existing(tx, id);
      }),
    removeMembers: (id, userIds) =>
      change(async (tx, tell) => {
        await existing(tx, id);
        await deleteMembers(tx, id, userIds);
        await updateGroup(tx, id, { updated_at: nowSeconds() });
        tell(userIds);
        return existing(tx, id);
      }),
    syncByName: (userId, names, { createAs } = {}) =>
      change(async (tx, tell) => {
        const found = await groupsByName(tx, [...new Set(names)]);
        const wanted = new Set(found.map((group) => group.id));
        const shared = found.filter(({ name }, at) => found.findIndex((one) => one.name === name) < at);
        if (shared.length > 0) {
          const text = 'several groups have the name a directory or proxy gave: the user joins all of them';
          log.warn({ user: userId, names: [...new Set(shared.map(({ name }) => name))] }, text);
        }
        if (createAs !== undefined) {
          const known = new Set(found.map((group) => group.name));
          for (const name of new Set(names)) {
            if (!known.has(name)) wanted.add(await insertNew(tx, { ownerId: createAs, name }));
          }
        }
        const held = new Set((await groupIdsOf(tx, [userId])).get(userId) ?? []);
        const joined = [...wanted].filter((id) => !held.has(id));
        const left = [...held].filter((id) => !wanted.has(id));
        for (const id of joined) await insertMembers(tx, id, [userId], nowSeconds());
        for (const id of left) await deleteMembers(tx, id, [userId]);
        if (joined.length + left.length > 0) tell([userId]);
      }),
    applyClaimed: (userId, claimed) =>
      change(async (tx, tell) => {
        const result = await applyClaimedGroups(tx, userId, claimed);
        if (result.joined.length + result.left.length > 0) tell([userId]);
        return result;
      }),
    async addToDefault(tx, groupId, userId) {
      await lockGroups(tx);
      if (!(await findGroup(tx, groupId))) return false;
      await insertMembers(tx, groupId, [userId], nowSeconds());
      await updateGroup(tx, groupId, { updated_at: nowSeconds() });
      return true;
    },
  };
}

async function existing(tx: Transaction, id: string): Promise<CountedGroup> {
  const group = await findGroup(tx, id);
  if (!group) throw missing();
  return group;
}

/** Name and members once all steps are done. */
async function resultOf(
  tx: Transaction,
  steps: readonly GroupStep[],
  before: ReadonlySet<string>,
): Promise<{ name: string | undefined; members: ReadonlySet<string> }> {
  let name: string | undefined;
  let members = new Set(before);
  const named = new Set<string>();
  for (const step of steps) {
    if (step.kind === 'meta') continue;
    if (step.kind === 'name') name = step.name;
    else if (step.kind === 'remove') for (const id of step.userIds) members.delete(id);
    else {
      if (step.kind === 'set') members = new Set();
      for (const id of step.userIds) {
        members.add(id);
        named.add(id);
      }
    }
  }
  const known = await existingUserIds(tx, [...named]);
  if (known.length < named.size) {
    throw new HttpError(400, 'One or more member users were not found.', { code: 'invalidValue' });
  }
  return { name, members };
}

/** Throws unless `parentId` may be the parent of the group (null: a new one). */
async function assertParent(tx: Transaction, id: string | null, parentId: string | null | undefined): Promise<void> {
  if (parentId === null || parentId === undefined) return;
  if (parentId === '') throw new HttpError(400, 'Parent group must be a group ID or null.');
  const groups = await loadGroups(tx);
  if (!groups.has(parentId)) throw new HttpError(404, 'Parent group not found.');
  if (id !== null && withDescendants(id, groups).has(parentId)) {
    throw new HttpError(400, 'A group cannot be its own parent or a descendant of itself.');
  }
}

/** What a form writes, and whether that changes what members may do or see. */
async function changeOf(
  tx: Transaction,
  before: CountedGroup,
  form: GroupForm,
): Promise<{ change: GroupChange; access: boolean }> {
  const change: GroupChange = { name: form.name, description: form.description, updated_at: nowSeconds() };
  if (form.parent_group_id !== undefined) {
    await assertParent(tx, before.id, form.parent_group_id);
    change.parent_group_id = form.parent_group_id;
  }
  if (form.permissions) change.permissions = form.permissions;
  if (form.data) change.data = mergeData(before.data, form.data);
  const access =
    (change.parent_group_id !== undefined && change.parent_group_id !== before.parent_group_id) ||
    (change.permissions !== undefined && !same(change.permissions, before.permissions)) ||
    (change.data !== undefined && !same(modelsOf(change.data), modelsOf(before.data)));
  return { change, access };
}

/** Members of `data` replace, those of `data.config` too, one by one. */
function mergeData(stored: unknown, given: Record<string, unknown>): Record<string, unknown> {
  const base = isObject(stored) ? stored : {};
  const merged = { ...base, ...given };
  if (isObject(given.config)) merged.config = { ...(isObject(base.config) ? base.config : {}), ...given.config };
  return merged;
}

function withShare(data: Record<string, unknown>, share: boolean | 'members'): Record<string, unknown> {
  const config = isObject(data.config) ? data.config : {};
  return { ...data, config: { ...config, share: config.share ?? share } };
}

function modelsOf(data: unknown): unknown {
  return isObject(data) && isObject(data.config) ? (data.config.default_models ?? null) : null;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
}
