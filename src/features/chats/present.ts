import { JsonText } from '../../kernel/http/answer.ts';
import type { ContextUsage } from './context-usage.ts';
import type { ChatDocument, JsonObject } from './document.ts';
import type { ListedChat } from './lists.ts';
import type { ChatHead } from './store.ts';
import type { TagRow } from './tags.ts';

/** What an answer about a chat may have beside the row. */
interface Extras {
  variables?: JsonObject;
  context_usage?: ContextUsage | null;
}

function presentHead(head: ChatHead, extras: Extras = {}) {
  return {
    id: head.id,
    user_id: head.user_id,
    title: head.title,
    updated_at: head.updated_at,
    created_at: head.created_at,
    share_id: head.share_id,
    archived: head.archived,
    pinned: head.pinned,
    meta: head.meta,
    variables: extras.variables ?? head.variables,
    folder_id: head.folder_id,
    tasks: head.tasks,
    summary: head.summary,
    current_message_id: head.current_message_id,
    context_usage: extras.context_usage ?? null,
  };
}

/** A chat as ChatResponse. */
export function presentChat(head: ChatHead, document: ChatDocument, extras?: Extras) {
  return { ...presentHead(head, extras), chat: document };
}

/** A chat as the JSON text of ChatResponse, around the bytes of its document. */
export function chatParts(head: ChatHead, document: readonly Buffer[], extras?: Extras): Buffer[] {
  return [Buffer.from(`${JSON.stringify(presentHead(head, extras)).slice(0, -1)},"chat":`), ...document, END];
}

const END = Buffer.from('}');

/** `chatParts` as an answer. */
export function answerChat(head: ChatHead, document: readonly Buffer[], extras?: Extras): JsonText {
  return new JsonText(chatParts(head, document, extras));
}

interface ListExtras {
  active?: boolean;
  snippet?: string | null;
  /** Searches tell it. */
  archived?: boolean;
}

/** A row of a list as ChatTitleIdResponse. */
export function presentListed(row: ListedChat, { active = false, snippet = null, archived = false }: ListExtras = {}) {
  return {
    id: row.id,
    title: row.title ?? '',
    updated_at: row.updated_at ?? 0,
    created_at: row.created_at ?? 0,
    last_read_at: row.last_read_at,
    snippet,
    active,
    archived,
  };
}

/** A row as TagModel. */
export function presentTag({ id, name, user_id, meta }: TagRow) {
  return { id, name, user_id, meta };
}
