import { isObject } from '../../kernel/json.ts';

/** One group as the hierarchy sees it. */
export interface GroupNode {
  id: string;
  parent_group_id: string | null;
}

/**
 * The groups a member of `direct` belongs to: those and all their ancestors (membership flows upwards). Ends on circles
 * and on parents that are gone.
 */
export function withAncestors(direct: Iterable<string>, groups: ReadonlyMap<string, GroupNode>): Set<string> {
  const found = new Set<string>();
  for (const id of direct) {
    let at: string | null = id;
    while (at !== null && !found.has(at)) {
      const group = groups.get(at);
      if (!group) break;
      found.add(at);
      at = group.parent_group_id;
    }
  }
  return found;
}

/** The group and everything below it. */
export function withDescendants(id: string, groups: ReadonlyMap<string, GroupNode>): Set<string> {
  const children = new Map<string, string[]>();
  for (const group of groups.values()) {
    if (group.parent_group_id === null) continue;
    const list = children.get(group.parent_group_id);
    if (list) list.push(group.id);
    else children.set(group.parent_group_id, [group.id]);
  }
  const found = new Set<string>();
  const open = [id];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (found.has(at)) continue;
    found.add(at);
    open.push(...(children.get(at) ?? []));
  }
  return found;
}

/** How many groups are above; circles end the count. */
export function depthOf(id: string, groups: ReadonlyMap<string, GroupNode>): number {
  return withAncestors([id], groups).size - 1;
}

interface GroupWithModels extends GroupNode {
  data: unknown;
  created_at: number;
}

/** Model ids a group's `data.config.default_models` names; null when it names none. */
export function defaultModelsOf(data: unknown): string[] | null {
  const config = isObject(data) && isObject(data.config) ? data.config : {};
  const { default_models: models } = config;
  if (!Array.isArray(models)) return null;
  const ids = models.filter((id) => typeof id === 'string' && id.trim() !== '');
  return ids.length === 0 ? null : ids;
}

/** The group whose default models count: the deepest that has some, the oldest among equals (identity note, 12.4). */
export function defaultModelSource<G extends GroupWithModels>(
  belongs: Iterable<string>,
  groups: ReadonlyMap<string, G>,
): { id: string; models: string[] } | null {
  let best: { group: G; depth: number; models: string[] } | null = null;
  for (const id of belongs) {
    const group = groups.get(id);
    const models = group && defaultModelsOf(group.data);
    if (!group || !models) continue;
    const depth = depthOf(id, groups);
    const order =
      best && (best.depth - depth || group.created_at - best.group.created_at || (id < best.group.id ? -1 : 1));
    if (order === null || order < 0) best = { group, depth, models };
  }
  return best && { id: best.group.id, models: best.models };
}
