import { type Cache, createCache } from '../../kernel/cache.ts';
import type { Database, Db, Transaction } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Bus, memoryAge } from '../../kernel/realtime/index.ts';
import { permissionTree } from '../../kernel/settings/config-defaults.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { createGrantMemory } from './grant-memory.ts';
import { type Grant, grantsAllow, type Right } from './grants.ts';
import { createGroups, type Groups } from './groups.ts';
import { defaultModelSource, withAncestors } from './hierarchy.ts';
import { createPeople, type People } from './people.ts';
import {
  directGroupIds,
  type GroupFacts,
  grantedIds,
  listGrants,
  loadGroups,
  removeGrants,
  replaceGrants,
} from './store.ts';
import { BUILT_IN, combineTrees, type FullTree, fillTree, type PermissionTree, treeValue } from './tree.ts';

export { grantedTo, listWireGrants, type WireGrant } from './conditions.ts';
export {
  configuredGrants,
  type Grant,
  grantsAllow,
  type Right,
} from './grants.ts';
export {
  type CountedGroup,
  deleteMemberships,
  findGroup,
  type Group,
  groupIdsOf,
  listGroups,
  listMembers,
  memberIds,
  serialise,
} from './group-store.ts';
export type { GroupStep, Groups, ProvisionedGroup } from './groups.ts';
export { defaultModelSource, defaultModelsOf, withAncestors, withDescendants } from './hierarchy.ts';
export { OWNER, type People, type Reader } from './people.ts';
export { allowedGrants, permittedGrants } from './sharing.ts';
export { type GroupFacts, removeGrantsTo } from './store.ts';
export {
  BUILT_IN,
  combineTrees,
  type FullTree,
  type PermissionTree,
  SECTIONS,
} from './tree.ts';

type Who = Pick<User, 'id'>;

/** Who may what: permission tree, groups, grants. */
export interface Access {
  /** Whether the tree allows `permission` (dotted); administrators are not treated differently here. */
  permissions(user: Who, permission: string): Promise<boolean>;
  /** Defaults with everything the user's groups add. */
  permissionTree(user: Who): Promise<PermissionTree>;
  /** The default tree: stored values, gaps filled. */
  defaultTree(): FullTree;
  /** Built-in defaults, as the environment has them. */
  builtInTree: FullTree;
  /** Groups the user belongs to: direct ones and their ancestors. */
  groupIds(userId: string): Promise<ReadonlySet<string>>;
  /** Every group by id, as the hierarchy needs it. */
  allGroups(): Promise<ReadonlyMap<string, GroupFacts>>;
  /** Model ids the user's groups choose for new chats; null when none does. */
  defaultModels(userId: string): Promise<string[] | null>;
  groups: Groups;
  people: People;
  grants: {
    list(db: Db, type: string, ids: readonly string[]): Promise<Map<string, Grant[]>>;
    /** Replaces all grants of an object; gives what is stored. Run it in the transaction of the change. */
    set(tx: Transaction, type: string, id: string, grants: unknown): Promise<Grant[]>;
    remove(tx: Transaction, type: string, ids: readonly string[]): Promise<void>;
    /** Whether a grant gives the right; ownership is not looked at. Warm, it costs no query. */
    allows(user: Who, type: string, id: string, right: Right): Promise<boolean>;
    /** Ids of the objects a grant gives the right on; those the user owns are not among them for that. */
    readableIds(user: Who, type: string, right?: Right): Promise<Set<string>>;
  };
  /** Drops what is remembered of these users' groups, in every process. Call it after the commit. */
  invalidate(userIds: readonly string[]): void;
  /** Like `invalidate`, and tells listeners; null: everybody may do something else now. */
  announce(userIds: readonly string[] | null): void;
  /** Told, in every process that shares the bus, whose access has changed; null for everybody. */
  onChanged(listener: (userIds: readonly string[] | null) => void): () => void;
  close(): void;
}

export interface AccessDeps {
  log: Pick<Log, 'warn'>;
  database: Pick<Database, 'db' | 'transaction'>;
  settings: Settings;
  config: Pick<Config, 'get' | 'onChange'>;
  bus: Pick<Bus, 'publish' | 'subscribe' | 'onGap' | 'shared'>;
}

export function createAccess({ database, settings, config, bus, log }: AccessDeps): Access {
  const { db } = database;
  const memory = createMemory(db, bus);
  const grants = createGrantMemory(db, bus);
  const changes = createChanges(bus, memory.forget);
  const builtInTree = fillTree(permissionTree(settings), BUILT_IN);
  let defaults: FullTree | null = null;
  const stop = config.onChange((keys) => {
    if (keys.has('user.permissions')) defaults = null;
  });
  const defaultTree = (): FullTree => {
    defaults ??= fillTree(config.get('user.permissions'), builtInTree);
    return defaults;
  };
  const groupTrees = async (userId: string): Promise<unknown[]> => {
    const [ids, all] = [await memory.groupIds(userId), await memory.allGroups()];
    return [...ids].map((id) => all.get(id)?.permissions);
  };

  return {
    async permissions(user, permission) {
      if (treeValue(defaultTree(), permission)) return true;
      return (await groupTrees(user.id)).some((tree) => Boolean(treeValue(tree, permission)));
    },
    async permissionTree(user) {
      return (await groupTrees(user.id)).reduce<PermissionTree>(combineTrees, defaultTree());
    },
    defaultTree,
    builtInTree,
    groupIds: memory.groupIds,
    allGroups: memory.allGroups,
    async defaultModels(userId) {
      return defaultModelSource(await memory.groupIds(userId), await memory.allGroups())?.models ?? null;
    },
    groups: createGroups({
      database,
      defaultShare: settings.get('DEFAULT_GROUP_SHARE_PERMISSION'),
      announce: (userIds) => changes.publish(userIds, true),
      log,
    }),
    people: createPeople(settings),
    grants: {
      list: listGrants,
      set(tx, type, id, list) {
        tx.onCommit(() => grants.changed(type, [id]));
        return replaceGrants(tx, type, id, list, nowSeconds());
      },
      remove(tx, type, ids) {
        tx.onCommit(() => grants.changed(type, ids));
        return removeGrants(tx, type, ids);
      },
      allows: async (user, type, id, right) =>
        grantsAllow(await grants.of(type, id), user.id, await memory.groupIds(user.id), right),
      readableIds: async (user, type, right = 'read') =>
        grantedIds(db, user.id, await memory.groupIds(user.id), type, right),
    },
    invalidate: (userIds) => changes.publish(userIds, false),
    announce: (userIds) => changes.publish(userIds, true),
    onChanged: changes.onChanged,
    close() {
      stop();
      grants.close();
      changes.close();
    },
  };
}

const USERS_KEPT = 20_000;

/** Groups and memberships, kept until they change. */
function createMemory(db: Db, bus: Pick<Bus, 'shared'>) {
  const maxAgeMs = memoryAge(bus, db);
  const hierarchy: Cache<Map<string, GroupFacts>> = createCache({
    maxEntries: 1,
    maxAgeMs,
    load: () => loadGroups(db),
  });
  const allGroups = () => hierarchy.get('all');
  const groups: Cache<ReadonlySet<string>> = createCache({
    maxEntries: USERS_KEPT,
    maxAgeMs,
    load: async (userId) => withAncestors(await directGroupIds(db, userId), await allGroups()),
  });
  return {
    allGroups,
    groupIds: groups.get,
    forget(userIds: readonly string[] | null): void {
      hierarchy.clear();
      if (userIds) for (const id of userIds) groups.delete(id);
      else groups.clear();
    },
  };
}

const TOPIC = 'access';

function createChanges(bus: AccessDeps['bus'], forget: (userIds: readonly string[] | null) => void) {
  const listeners = new Set<(userIds: readonly string[] | null) => void>();
  const apply = (userIds: readonly string[] | null, tell: boolean): void => {
    forget(userIds);
    if (tell && userIds?.length !== 0) for (const listener of listeners) listener(userIds);
  };
  // What was missed may have been about anybody.
  const stopGap = bus.onGap(() => forget(null));
  const stop = bus.subscribe(TOPIC, (message) => {
    const { users, tell } = message as { users: unknown; tell: unknown };
    const ids = Array.isArray(users) ? users.filter((id) => typeof id === 'string') : null;
    apply(ids, tell === true);
  });
  return {
    publish(userIds: readonly string[] | null, tell: boolean): void {
      apply(userIds, tell);
      bus.publish(TOPIC, { users: userIds, tell }, { awaited: true });
    },
    onChanged(listener: (userIds: readonly string[] | null) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      stop();
      stopGap();
    },
  };
}
