import type { DirectoryRow } from './store.ts';

/** The directories of one base. */
export interface Tree {
  get(id: string): DirectoryRow | undefined;
  /** Directly below; of the root when null. By name. */
  children(parentId: string | null): DirectoryRow[];
  /** From the root down to the directory itself; empty for none. */
  chain(id: string | null): DirectoryRow[];
  /** `a/b/c`; empty for the root. */
  path(id: string | null): string;
  /** The directory and all below it, parents before children. */
  subtree(id: string): string[];
  /** Ids by path; of two with one path, the first. */
  byPath(): Map<string, string>;
}

/** Rows whose parent is missing count as lying at the root; circles, which nothing here makes, are cut. */
export function treeOf(rows: readonly DirectoryRow[]): Tree {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const parentOf = (row: DirectoryRow) => (row.parent_id !== null && byId.has(row.parent_id) ? row.parent_id : null);
  const chain = (id: string | null): DirectoryRow[] => {
    const result: DirectoryRow[] = [];
    let at = id === null ? undefined : byId.get(id);
    while (at && !result.includes(at)) {
      result.unshift(at);
      const parent: string | null = parentOf(at);
      at = parent === null ? undefined : byId.get(parent);
    }
    return result;
  };
  const path = (id: string | null) =>
    chain(id)
      .map((row) => row.name)
      .join('/');
  const children = (parentId: string | null) => rows.filter((row) => parentOf(row) === parentId);
  return {
    get: (id) => byId.get(id),
    children,
    chain,
    path,
    subtree(id) {
      const result = [id];
      for (const at of result) {
        for (const child of children(at)) if (!result.includes(child.id)) result.push(child.id);
      }
      return result;
    },
    byPath() {
      const found = new Map<string, string>();
      for (const row of rows) {
        const place = path(row.id);
        if (!found.has(place)) found.set(place, row.id);
      }
      return found;
    },
  };
}
