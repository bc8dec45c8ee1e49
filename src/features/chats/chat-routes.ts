import { may, verified } from '../../kernel/http/access.ts';
import { detail, HttpError, wrapped } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, Dict, List, Nullable } from '../../kernel/http/shapes.ts';
import { cleanText } from './document.ts';
import { tagsOf } from './figures.ts';
import { type ChatPolicies, refusals } from './policies.ts';
import { presentTag } from './present.ts';
import { tagId } from './search-query.ts';
import type { Chats, ChatsDeps } from './service.ts';
import * as shapes from './shapes.ts';
import type { ChatHead } from './store.ts';
import { addTag, NO_TAG, removeTag, tagRows } from './tags.ts';

/** Creating, opening, changing and removing one chat (chats note, 1.5 and 2). */
export function chatRoutesOfOne(chats: Chats, deps: ChatsDeps, policies: ChatPolicies): Route[] {
  const { database, config, events, runs } = deps;
  const { reading, changing } = chats.parts;
  const url = (rest: string) => `/api/v1/chats/${rest}`;
  const tags = async (chat: ChatHead, ids: readonly string[]) =>
    (await tagRows(database.db, chat.user_id, ids)).map(presentTag);

  return [
    route({
      method: 'POST',
      url: url('new'),
      access: verified,
      body: shapes.ChatForm,
      reply: shapes.ChatResponse,
      handler: ({ user, body }) => changing.create(user, body),
    }),
    route({
      method: 'POST',
      url: url('import'),
      access: may('chat.import', { status: 403, detail: detail.ACCESS_PROHIBITED }),
      body: shapes.ChatsImportForm,
      reply: List(shapes.ChatResponse),
      handler: ({ user, body }) => changing.importAll(user, body.chats),
    }),
    route({
      method: 'DELETE',
      url: url(''),
      access: verified,
      reply: Bool(),
      handler: async ({ user }) => {
        await chats.parts.changing.removeAll(user);
        return true;
      },
    }),
    route({
      method: 'GET',
      url: url(':id'),
      access: verified,
      reply: shapes.ChatResponse,
      handler: ({ user, params }) => reading.open(user, params.id ?? ''),
    }),
    route({
      method: 'POST',
      url: url(':id'),
      access: policies.any(refusals.prohibited),
      body: shapes.ChatForm,
      reply: shapes.ChatResponse,
      handler: ({ user, target, body }) => changing.update(user, target, body),
    }),
    route({
      method: 'DELETE',
      url: url(':id'),
      access: policies.remove,
      reply: Bool(),
      handler: async ({ user, target }) => {
        await changing.remove(user, target);
        return true;
      },
    }),
    route({
      method: 'PATCH',
      url: url(':id/params'),
      access: policies.own(refusals.prohibited),
      body: Dict(),
      reply: Dict(),
      handler: ({ user, target, body }) => changing.setParams(user, target, body),
    }),
    route({
      method: 'GET',
      url: url(':id/pinned'),
      access: policies.own(refusals.wrong),
      reply: Nullable(Bool()),
      handler: ({ target }) => target.pinned,
    }),
    route({
      method: 'POST',
      url: url(':id/pin'),
      access: policies.own(refusals.wrong),
      reply: shapes.ChatResponse,
      handler: ({ user, target }) => changing.togglePin(user, target),
    }),
    route({
      method: 'POST',
      url: url(':id/archive'),
      access: policies.own(refusals.wrong),
      reply: shapes.ChatResponse,
      handler: ({ user, target }) => changing.toggleArchive(user, target),
    }),
    route({
      method: 'POST',
      url: url(':id/folder'),
      access: policies.any(refusals.wrong),
      body: shapes.ChatFolderIdForm,
      reply: shapes.ChatResponse,
      handler: ({ user, target, body }) => changing.move(user, target, body.folder_id),
    }),
    route({
      method: 'POST',
      url: url(':id/unread'),
      access: policies.own(refusals.missing),
      reply: Dict(),
      handler: ({ user, target }) => changing.markUnread(user, target),
    }),
    route({
      method: 'POST',
      url: url(':id/compact'),
      access: policies.own(refusals.unknown),
      body: shapes.CompactChatForm,
      reply: Dict(),
      handler: async ({ user, target, body }) => {
        if (!config.get('chat.context_compaction.enable')) {
          return { ok: true, compacted: false, reason: 'disabled', context_usage: null };
        }
        if ((await runs.active([target.id])).has(target.id)) {
          throw new HttpError(409, 'Wait for the current response to finish before compacting.');
        }
        const answer = await runs.compact(user, target, body?.model ?? null);
        if (answer.compacted === true) {
          const data = { dropped_messages: answer.dropped_messages };
          events.publish('chat.compacted', { actor: user, subject: { id: target.id }, data });
        }
        return answer;
      },
    }),
    route({
      method: 'GET',
      url: url(':id/tags'),
      access: policies.read(refusals.unknown),
      reply: List(shapes.TagModel),
      handler: ({ target }) => tags(target, tagsOf(target.meta)),
    }),
    route({
      method: 'POST',
      url: url(':id/tags'),
      access: policies.own(refusals.wrong),
      body: shapes.TagForm,
      reply: List(shapes.TagModel),
      handler: async ({ user, target, body }) => {
        const name = cleanText(body.name);
        const id = tagId(name);
        if (id === NO_TAG) throw new HttpError(400, wrapped("Tag name cannot be 'None'"));
        const now = await database.transaction((tx) => addTag(tx, target.id, name));
        if (!tagsOf(target.meta).includes(id)) {
          events.publish('chat.tag_added', { actor: user, subject: { id: target.id }, data: { tag: name } });
        }
        return tags(target, now ?? []);
      },
    }),
    route({
      method: 'DELETE',
      url: url(':id/tags'),
      access: policies.own(refusals.unknown),
      body: shapes.TagForm,
      reply: List(shapes.TagModel),
      handler: async ({ user, target, body }) => {
        const name = cleanText(body.name);
        const now = await database.transaction((tx) => removeTag(tx, target.id, name));
        events.publish('chat.tag_removed', { actor: user, subject: { id: target.id }, data: { tag: name } });
        return tags(target, now ?? []);
      },
    }),
  ];
}
