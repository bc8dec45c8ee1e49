import type { FolderNode } from './store.ts';

/** These folders and everything below them, as far as `nodes` goes. */
export function withDescendants(nodes: readonly FolderNode[], ids: Iterable<string>): Set<string> {
  const children = new Map<string, string[]>();
  for (const { id, parent_id: parent } of nodes) {
    if (parent === null) continue;
    const list = children.get(parent);
    if (list) list.push(id);
    else children.set(parent, [id]);
  }
  const found = new Set<string>();
  const open = [...ids];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (found.has(id)) continue;
    found.add(id);
    open.push(...(children.get(id) ?? []));
  }
  return found;
}

/** Counts of folders with those of everything below added; every node has one. Circles are counted once. */
export function rollUp(nodes: readonly FolderNode[], direct: ReadonlyMap<string, number>): Record<string, number> {
  const parents = new Map(nodes.map((node) => [node.id, node.parent_id]));
  const counts: Record<string, number> = Object.fromEntries(nodes.map((node) => [node.id, 0]));
  for (const [folder, count] of direct) {
    const seen = new Set<string>();
    for (
      let id: string | null = folder;
      id !== null && parents.has(id) && !seen.has(id);
      id = parents.get(id) ?? null
    ) {
      seen.add(id);
      counts[id] = (counts[id] ?? 0) + count;
    }
  }
  return counts;
}

/** Folders whose parent is missing, or that lie on a circle of parents: they belong at the root. */
export function strayFolders(nodes: readonly FolderNode[]): string[] {
  const parents = new Map(nodes.map((node) => [node.id, node.parent_id]));
  return nodes
    .filter(({ id, parent_id: parent }) => {
      if (parent === null) return false;
      if (!parents.has(parent)) return true;
      const seen = new Set<string>();
      for (let at: string | null = parent; at !== null && !seen.has(at); at = parents.get(at) ?? null) {
        if (at === id) return true;
        seen.add(at);
      }
      return false;
    })
    .map(({ id }) => id);
}
