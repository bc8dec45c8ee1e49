import { ancestorsOf, childToward, cleanPath, nearness } from './paths.ts';
import type { ListMemoryPathsForm, ReadMemoryPathForm, SearchMemoriesForm } from './shapes.ts';
import type { MemoryRow } from './store.ts';

/** What lookups need of a memory. */
type Memory = Pick<MemoryRow, 'id' | 'type' | 'path' | 'content' | 'updated_at'>;

const clamp = (value: number, most: number) => Math.min(most, Math.max(1, value));
const newest = (a: Memory, b: Memory) => (b.updated_at ?? 0) - (a.updated_at ?? 0) || (a.id < b.id ? -1 : 1);
const ofType = (type: string) => (memory: Memory) => type === 'all' || memory.type === type;

function mentions(memory: Memory, words: string): boolean {
  const wanted = words.toLowerCase();
  return [memory.content, memory.path].some((text) => text?.toLowerCase().includes(wanted));
}

/** Memories by id, type, words and nearness to a path; nearest first, then newest (retrieval note, 8). */
export function searchMemories<T extends Memory>(all: readonly T[], form: SearchMemoriesForm): T[] {
  const path = cleanPath(form.path);
  const last = path?.split('/').at(-1);
  const FAR = [9, 0] as const;
  return all
    .filter(ofType(form.type))
    .filter((memory) => !form.memory_id || memory.id === form.memory_id)
    .filter((memory) => !form.query || mentions(memory, form.query))
    .map((memory) => ({ memory, near: path === null ? FAR : nearness(memory.path, path) }))
    .filter(({ memory, near }) => near !== null || mentions(memory, path ?? '') || mentions(memory, last ?? ''))
    .map(({ memory, near }) => ({ memory, near: near ?? FAR }))
    .sort((a, b) => a.near[0] - b.near[0] || a.near[1] - b.near[1] || newest(a.memory, b.memory))
    .slice(0, clamp(form.limit, 100))
    .map(({ memory }) => memory);
}

const PATH_CHILDREN = 20;

/** Paths in use with how much lies there, newest first. */
export function listPaths(all: readonly Memory[], form: ListMemoryPathsForm) {
  const groups = new Map<string, { path: string | null; type: string; count: number; updated_at: number }>();
  const wanted = all.filter(ofType(form.type));
  for (const memory of wanted.filter((one) => !form.query || mentions(one, form.query))) {
    const key = JSON.stringify([memory.path, memory.type]);
    const group = groups.get(key) ?? { path: memory.path, type: memory.type, count: 0, updated_at: 0 };
    group.count += 1;
    group.updated_at = Math.max(group.updated_at, memory.updated_at ?? 0);
    groups.set(key, group);
  }
  const paths = [...groups.values()]
    .sort((a, b) => b.updated_at - a.updated_at)
    .slice(0, clamp(form.limit, 500))
    .map((group) => ({
      ...group,
      children: group.path === null ? [] : childrenOf(wanted, group.path, PATH_CHILDREN),
    }));
  return { paths, count: paths.length };
}

function childrenOf(all: readonly Memory[], path: string, most: number): string[] {
  const found = new Set<string>();
  for (const memory of all) {
    const child = memory.path === null ? null : childToward(memory.path, path);
    if (child !== null) found.add(child);
  }
  return [...found].sort().slice(0, most);
}

const READ_CHILDREN = 50;

/** What lies at a path: itself, what is below, then what is above. */
export function readPath<T extends Memory>(all: readonly T[], path: string, form: ReadMemoryPathForm) {
  const wanted = all.filter(ofType(form.type));
  const above = ancestorsOf(path);
  const depth = (memory: T) => (memory.path ?? '').split('/').length;
  const at = wanted.filter((memory) => memory.path === path).sort(newest);
  const below = form.include_children
    ? wanted.filter((memory) => memory.path?.startsWith(`${path}/`)).sort((a, b) => depth(a) - depth(b) || newest(a, b))
    : [];
  const over = above.flatMap((parent) => wanted.filter((memory) => memory.path === parent).sort(newest));
  return {
    path,
    parents: above.filter((parent) => wanted.some((memory) => memory.path === parent)).reverse(),
    children: childrenOf(wanted, path, READ_CHILDREN),
    memories: [...at, ...below, ...over].slice(0, clamp(form.limit, 100)),
  };
}
