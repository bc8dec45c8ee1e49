import type { Db } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { TextFinder } from '../chats/index.ts';
import type { GlobalSearchResult } from './shapes.ts';

/** What is looked for, by whom, where. */
export interface Search {
  db: Db;
  findChats: TextFinder;
  user: User;
  groupIds: ReadonlySet<string>;
  /** As typed, trimmed and in lower case. */
  query: string;
  terms: readonly string[];
  sharing: 'all' | 'mine' | 'shared';
  /** Folders looked in; null: everywhere. */
  inFolders: ReadonlySet<string> | null;
  /** Channels looked in. */
  channels: ReadonlyMap<string, Channel>;
  /** Folders the user sees, with their names. */
  folders: ReadonlyMap<string, string>;
  /** Hits a source gives at most. */
  limit: number;
}

export interface Channel {
  name: string;
  direct: boolean;
}

export type SourceName = 'chat' | 'message' | 'note' | 'shared';

/** A hit as far as the order needs it. */
export interface Hit {
  source: SourceName;
  id: string;
  rank: number;
  /** Seconds. */
  updated: number;
}

/** One kind of thing that is found. */
export interface Source {
  /** Its best hits, in order. */
  find(search: Search): Promise<Hit[]>;
  /** Hits as results, by id. */
  present(search: Search, ids: readonly string[]): Promise<Map<string, GlobalSearchResult>>;
}

/** 0: the title is the query; 1: it has the query in it; 3: anything else. */
export function rankOf(title: string | null, query: string): number {
  const lower = (title ?? '').trim().toLowerCase();
  if (query !== '' && lower === query) return 0;
  return query !== '' && lower.includes(query) ? 1 : REST;
}

export const REST = 3;

/** Order of hits over all sources. */
export function compareHits(a: Hit, b: Hit): number {
  return a.rank - b.rank || b.updated - a.updated || compare(a.source, b.source) || compare(a.id, b.id);
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
