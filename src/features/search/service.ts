import type { Database } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { Config } from '../../kernel/settings/index.ts';
import type { Access } from '../access/index.ts';
import type { TextFinder } from '../chats/index.ts';
import { withDescendants } from '../folders/index.ts';
import { chatSource, snapshotSource } from './chat-source.ts';
import { termsOf } from './excerpt.ts';
import { messageSource } from './message-source.ts';
import { noteSource } from './note-source.ts';
import { namedChannels, visibleFolders } from './scopes.ts';
import type { GlobalSearchQuery, GlobalSearchResult } from './shapes.ts';
import { compare, compareHits, type Hit, type Search, type Source, type SourceName } from './source.ts';

export interface SearchDeps {
  database: Pick<Database, 'background'>;
  /** The index of the texts of chats. */
  findChats: TextFinder;
  config: Pick<Config, 'get'>;
  access: Pick<Access, 'permissions' | 'groupIds' | 'grants'>;
  /** The channels whose messages the user gets. */
  channelIds(user: User): Promise<readonly string[]>;
}

const PAGE = 24;

const SOURCES: Record<SourceName, Source> = {
  chat: chatSource,
  shared: snapshotSource,
  note: noteSource,
  message: messageSource,
};

/** Search over everything a user sees (chats note, 8). */
export function createGlobalSearch({ database, findChats, config, access, channelIds }: SearchDeps) {
  const { db } = database.background;

  async function kindsOf(user: User): Promise<('chat' | 'message' | 'note')[]> {
    const may = async (permission: string) => user.role === 'admin' || access.permissions(user, permission);
    return [
      'chat',
      ...(config.get('channels.enable') && (await may('features.channels')) ? (['message'] as const) : []),
      ...(config.get('notes.enable') && (await may('features.notes')) ? (['note'] as const) : []),
    ];
  }

  return async function search(user: User, query: GlobalSearchQuery) {
    const kinds = await kindsOf(user);
    const folders = await visibleFolders(db, user, await access.grants.readableIds(user, 'folder'));
    const channels = kinds.includes('message')
      ? await namedChannels(db, user, await channelIds(user))
      : new Map<string, { name: string; direct: boolean }>();
    const scopes = [
      ...[...channels].map(([id, { name }]) => ({ id: `channel:${id}`, name, kind: 'channel' as const })),
      ...[...folders.names].map(([id, name]) => ({ id: `folder:${id}`, name, kind: 'folder' as const })),
    ].sort(
      (a, b) => compare(a.kind, b.kind) || compare(a.name.toLowerCase(), b.name.toLowerCase()) || compare(a.id, b.id),
    );
    const scope = query.scope.trim();
    if (scope !== '' && !scopes.some((one) => one.id === scope)) return { items: [], has_more: false, scopes, kinds };

    const [inFolder, inChannel] = [after(scope, 'folder:'), after(scope, 'channel:')];
    const nodes = [...folders.parents].map(([id, parent_id]) => ({ id, parent_id }));
    const context: Search = {
      db,
      findChats,
      user,
      groupIds: await access.groupIds(user.id),
      query: query.q.trim().toLowerCase(),
      terms: termsOf(query.q),
      sharing: query.sharing,
      inFolders: inFolder === null ? null : withDescendants(nodes, [inFolder]),
      channels: inChannel === null ? channels : new Map([...channels].filter(([id]) => id === inChannel)),
      folders: folders.names,
      limit: query.page * PAGE + 1,
    };
    const names: SourceName[] = [];
    for (const kind of kinds) {
      if (query.kind !== 'all' && query.kind !== kind) continue;
      if (kind === 'message' ? inFolder !== null : inChannel !== null) continue;
      names.push(kind);
      if (kind === 'chat') names.push('shared');
    }
    const hits: Hit[] = [];
    for (const name of names) hits.push(...(await SOURCES[name].find(context)));
    const from = (query.page - 1) * PAGE;
    const page = hits.sort(compareHits).slice(from, from + PAGE + 1);
    return {
      items: await present(context, page.slice(0, PAGE)),
      has_more: page.length > PAGE,
      scopes,
      kinds,
    };
  };
}

async function present(search: Search, hits: readonly Hit[]): Promise<GlobalSearchResult[]> {
  const results = new Map<Hit, GlobalSearchResult>();
  for (const name of new Set(hits.map((hit) => hit.source))) {
    const some = hits.filter((hit) => hit.source === name);
    const found = await SOURCES[name].present(
      search,
      some.map((hit) => hit.id),
    );
    for (const hit of some) {
      const result = found.get(hit.id);
      if (result) results.set(hit, result);
    }
  }
  return hits.flatMap((hit) => results.get(hit) ?? []);
}

function after(scope: string, prefix: string): string | null {
  return scope.startsWith(prefix) ? scope.slice(prefix.length) : null;
}
