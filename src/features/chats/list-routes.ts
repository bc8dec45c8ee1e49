import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { admin, verified, whileOn } from '../../kernel/http/access.ts';
import { prohibited } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, Dict, Int, List } from '../../kernel/http/shapes.ts';
import { activeAmong } from './folder-chats.ts';
import { createListCache } from './list-cache.ts';
import * as lists from './lists.ts';
import { chatParts, presentListed, presentTag } from './present.ts';
import { documentBytes } from './reading.ts';
import { normaliseFolderName, parseSearch, tagId } from './search-query.ts';
import type { Chats, ChatsDeps } from './service.ts';
import * as shapes from './shapes.ts';
import { isTagUsed, listTags } from './tags.ts';
import { markChatsRead, unreadByFolder } from './unread.ts';

/** Lists, search, exports (chats note, 1.2 and 1.3). */
export function listRoutes(chats: Chats, deps: ChatsDeps): Route[] {
  const { database, settings, folders, runs } = deps;
  const { db } = database;
  const url = (rest: string) => `/api/v1/chats/${rest}`;
  const titles = List(shapes.ChatTitleIdResponse);

  async function withActive(rows: readonly lists.ListedChat[]) {
    const active = await activeAmong(
      db,
      runs,
      rows.map((row) => row.id),
    );
    return rows.map((row) => presentListed(row, { active: active.has(row.id) }));
  }

  const kept = createListCache();

  async function list(user: User, query: shapes.ChatListQuery) {
    const options = {
      page: query.page,
      pinned: query.include_pinned === true,
      foldered: query.include_folders === true,
      sorting: sortingOf(query),
    };
    // Taken before the rows: they may be newer than it, never older.
    const mark = database.commitMark();
    const key = `${user.id} ${JSON.stringify(options)}`;
    const known = kept.get(key, mark);
    if (known && (await runs.active(known.ids)).size === 0) return known.answer;
    const rows = await lists.listChats(db, user.id, options);
    const shown = await withActive(rows);
    return mark === null || shown.some(({ active }) => active) ? shown : kept.put(key, mark, shown);
  }

  async function search(user: User, text: string, page: number) {
    const query = parseSearch(text);
    const folderIds = query.folders === null ? null : await foldersNamed(user, query.folders);
    const found = await chats.search(user.id, query, folderIds, page);
    const [only, ...others] = text.trim().split(/\s+/);
    if (found.length === 0 && page <= 1 && others.length === 0 && only?.toLowerCase().startsWith('tag:')) {
      await dropTag(user, only.slice('tag:'.length));
    }
    const active = await activeAmong(
      db,
      runs,
      found.map((chat) => chat.id),
    );
    return found.map((chat) =>
      presentListed(chat, { active: active.has(chat.id), snippet: chat.snippet, archived: chat.archived ?? false }),
    );
  }

  async function foldersNamed(user: User, names: readonly string[]): Promise<string[]> {
    const own = await folders.own(user.id);
    const named = own.filter((folder) => names.includes(normaliseFolderName(folder.name)));
    const found = new Set<string>();
    for (const folder of named) for (const id of await folders.subtree(user.id, folder.id)) found.add(id);
    return [...found];
  }

  /** A tag that no chat has is not offered any more. */
  async function dropTag(user: User, name: string): Promise<void> {
    const id = tagId(name);
    if (id === '' || (await isTagUsed(db, user.id, id))) return;
    await db.deleteFrom('tag').where('user_id', '=', user.id).where('id', '=', id).execute();
  }

  const oversight = whileOn<undefined>(() => settings.get('ENABLE_ADMIN_CHAT_ACCESS'), prohibited, admin);
  const exporting = whileOn<undefined>(() => settings.get('ENABLE_ADMIN_EXPORT'), prohibited, admin);

  return [
    ...['', 'list'].map((path) =>
      route({
        method: 'GET',
        url: url(path),
        access: verified,
        query: shapes.ChatListQuery,
        reply: titles,
        handler: ({ user, query }) => list(user, query),
      }),
    ),
    route({
      method: 'GET',
      url: url('pinned'),
      access: verified,
      reply: titles,
      handler: async ({ user }) => withActive(await lists.listPinned(db, user.id)),
    }),
    route({
      method: 'GET',
      url: url('archived'),
      access: verified,
      query: shapes.OrderedQuery,
      reply: titles,
      handler: async ({ user, query }) => {
        const rows = await lists.listOrdered(db, user.id, { ...query, onlyArchived: true });
        return withActive(rows.map((row) => ({ ...row, last_read_at: null })));
      },
    }),
    route({
      method: 'GET',
      url: url('archived/count'),
      access: verified,
      reply: Int(),
      handler: ({ user }) => lists.countArchived(db, user.id),
    }),
    route({
      method: 'GET',
      url: url('list/user/:user_id'),
      access: oversight,
      query: shapes.OrderedQuery,
      reply: titles,
      handler: async ({ params, query }) =>
        withActive(await lists.listOrdered(db, params.user_id ?? '', { ...query, onlyArchived: false })),
    }),
    route({
      method: 'GET',
      url: url('folder/:folder_id'),
      access: verified,
      reply: List(shapes.ChatResponse),
      handler: async ({ user, params, reply }) => {
        const folderIds = await folders.subtree(user.id, params.folder_id ?? '');
        return sendList(reply, everyText({ userId: user.id, folderIds }));
      },
    }),
    route({
      method: 'GET',
      url: url('folder/:folder_id/list'),
      access: verified,
      query: shapes.FolderChatsQuery,
      reply: titles,
      handler: async ({ user, params, query }) =>
        withActive(await lists.listInFolder(db, user.id, params.folder_id ?? '', query.page, sortingOf(query))),
    }),
    route({
      method: 'GET',
      url: url('all'),
      access: verified,
      handler: ({ user, reply }) => reply.type('application/x-ndjson').send(exportLines(user.id)),
    }),
    route({
      method: 'GET',
      url: url('all/archived'),
      access: verified,
      reply: List(shapes.ChatResponse),
      handler: ({ user, reply }) => sendList(reply, everyText({ userId: user.id, archived: true })),
    }),
    route({
      method: 'GET',
      url: url('all/tags'),
      access: verified,
      reply: List(shapes.TagModel),
      handler: async ({ user }) => (await listTags(db, user.id)).map(presentTag),
    }),
    route({
      method: 'GET',
      url: url('all/db'),
      access: exporting,
      reply: List(shapes.ChatResponse),
      handler: ({ reply }) => sendList(reply, everyText({})),
    }),
    route({
      method: 'GET',
      url: url('search'),
      access: verified,
      query: shapes.SearchQueryForm,
      reply: titles,
      handler: ({ user, query }) => search(user, query.text, query.page ?? 1),
    }),
    route({
      method: 'POST',
      url: url('tags'),
      access: verified,
      body: shapes.TagFilterForm,
      reply: titles,
      handler: async ({ user, body }) => {
        const id = tagId(body.name);
        const rows = await lists.listTagged(db, user.id, id, body.skip ?? 0, body.limit ?? 50);
        if (rows.length === 0) await dropTag(user, id);
        return withActive(rows);
      },
    }),
    route({
      method: 'POST',
      url: url('read'),
      access: verified,
      reply: Dict(),
      handler: async ({ user }) => ({
        updated_count: await markChatsRead(db, user.id, null),
        folder_unread_counts: await folders.unreadCounts(user.id, await unreadByFolder(db, user.id)),
      }),
    }),
    route({
      method: 'POST',
      url: url('archive/all'),
      access: verified,
      reply: Bool(),
      handler: async ({ user }) => {
        await chats.parts.changing.archiveAll(user);
        return true;
      },
    }),
    route({
      method: 'POST',
      url: url('unarchive/all'),
      access: verified,
      reply: Bool(),
      handler: async ({ user }) => {
        await chats.parts.changing.unarchiveAll(user);
        return true;
      },
    }),
  ];

  async function* everyText(filter: lists.WholeFilter): AsyncGenerator<Buffer[]> {
    for await (const { head, bytes } of lists.wholeChats(db, filter)) yield chatParts(head, [documentBytes(bytes)]);
  }

  function exportLines(userId: string): Readable {
    return Readable.from(lines(), { objectMode: false });
    async function* lines(): AsyncGenerator<Buffer> {
      for await (const parts of everyText({ userId })) {
        yield* parts;
        yield NEWLINE;
      }
    }
  }
}

const NEWLINE = Buffer.from('\n');

function sortingOf({ sort_by: by, sort_dir: direction }: { sort_by: string; sort_dir: string }): lists.Sorting {
  return { by, ascending: direction === 'asc' };
}

/** Sends JSON texts as one list, as they come. */
function sendList(reply: FastifyReply, texts: AsyncIterable<Buffer[]>): FastifyReply {
  return reply.type('application/json').send(Readable.from(pieces(), { objectMode: false }));
  async function* pieces(): AsyncGenerator<Buffer> {
    let before = '[';
    for await (const parts of texts) {
      yield Buffer.from(before);
      yield* parts;
      before = ',';
    }
    yield Buffer.from(before === '[' ? '[]' : ']');
  }
}
