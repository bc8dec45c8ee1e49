import type { Db } from '../../kernel/database/index.ts';
import { mayNeedCleaning } from '../../kernel/database/index.ts';
import type { JsonText } from '../../kernel/http/answer.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { Config } from '../../kernel/settings/index.ts';
import type { ChatGuard } from './access.ts';
import { type ContextUsage, contextUsage } from './context-usage.ts';
import {
  branchTo,
  type ChatDocument,
  currentMessageId,
  historyOf,
  type JsonObject,
  outputText,
  parseDocument,
  repairHistory,
} from './document.ts';
import { overlayRow } from './load.ts';
import { loadBranch, loadUnfinished } from './message-rows.ts';
import { answerChat } from './present.ts';
import type { ChatRuns, LiveReply } from './runs.ts';
import { type ChatHead, findWhole, userNames } from './store.ts';
import { everyMessage, shareView } from './view.ts';
import { createViewCache } from './view-cache.ts';

export interface ReadingDeps {
  db: Db;
  config: Pick<Config, 'get'>;
  guard: ChatGuard;
  runs: ChatRuns;
}

export type Reading = ReturnType<typeof createReading>;

/** A stored document's text as it may be sent: JSON of an object, without what no reader should get. */
export function documentText(text: string): string {
  return text.startsWith('{') && !mayNeedCleaning(text) ? text : JSON.stringify(parseDocument(text));
}

/** Whether a reply in the document is unfinished, by the text alone; may be true without one. */
function mayBeUnfinished(text: string): boolean {
  return text.includes('"done":false') || text.includes('"done": false');
}

/** Shapes a document for a viewer, with the names its messages lack. */
export async function viewDocument(
  db: Db,
  document: ChatDocument,
  ownerId: string,
  viewerId: string | null,
): Promise<ChatDocument> {
  const unknown = shareView(document, ownerId, viewerId);
  if (unknown.length > 0) shareView(document, ownerId, viewerId, await userNames(db, unknown));
  return document;
}

/** Opening one chat (chats note, 1.5). */
export function createReading({ db, config, guard, runs }: ReadingDeps) {
  const cache = createViewCache();

  /** The document for a viewer; what is unfinished is laid over as it stands now. */
  async function present(
    { head, text }: { head: ChatHead; text: string },
    viewer: User,
    writable: boolean,
    live: readonly LiveReply[],
  ): Promise<string> {
    const moving = live.length > 0 || mayBeUnfinished(text);
    const key = moving || viewer.id !== head.user_id ? null : head.id;
    const known = key && cache.get(key, text);
    if (known) return known;
    const document = parseDocument(text);
    const history = historyOf(document);
    repairHistory(history);
    if (moving) {
      for (const row of await loadUnfinished(db, head.id)) {
        const message = history.messages[row.id];
        if (message) overlayRow(message, row);
      }
      overlayLive(document, live);
    }
    await viewDocument(db, document, head.user_id, viewer.id);
    document.share_mode = writable ? 'continue' : null;
    const view = JSON.stringify(document);
    if (key) cache.put(key, text, view);
    return view;
  }

  /** How full the context is; null unless long chats are summarised. */
  async function usageOf(head: ChatHead, text: string): Promise<ContextUsage | null> {
    if (!config.get('chat.context_compaction.enable')) return null;
    const document = parseDocument(text);
    const current = head.current_message_id ?? currentMessageId(document);
    if (current === null) return null;
    const stored = await loadBranch(db, head.id, current);
    const branch = stored.length > 0 ? stored : branchTo(historyOf(document).messages, current);
    return contextUsage(branch, document.params, {
      threshold: config.get('chat.context_compaction.token_threshold'),
      cap: config.get('chat.context_compaction.token_cap'),
    });
  }

  return {
    /** The chat as its viewer sees it. 401 for those who may not, and where there is none. */
    async open(user: User, id: string): Promise<JsonText> {
      const found = await findWhole(db, id);
      const rights = found && (await guard.rights(user, found.head));
      if (!found || !rights?.read) throw new HttpError(401, detail.NOT_FOUND, { code: 'chat.hidden' });
      const { head } = found;
      const view = await present(found, user, rights.write !== null, await runs.live(id));
      const extras = rights.read === 'own' ? {} : { variables: {} };
      return answerChat(head, view, { ...extras, context_usage: await usageOf(head, found.text) });
    },

    /** A chat after a change, for its owner. */
    async whole(id: string, fallback?: () => HttpError): Promise<JsonText> {
      const found = await findWhole(db, id);
      if (!found) throw fallback?.() ?? new HttpError(404, detail.NOT_FOUND, { code: 'chat.gone' });
      return answerChat(found.head, documentText(found.text));
    },

    /** A chat after a change, for somebody who may not own it. */
    async viewed(head: ChatHead, document: ChatDocument, viewer: User): Promise<JsonText> {
      const view = await viewDocument(db, document, head.user_id, viewer.id);
      return answerChat(head, JSON.stringify(view), viewer.id === head.user_id ? {} : { variables: {} });
    },
  };
}

/** Lays replies that are being written over their messages, in tree and list. */
export function overlayLive(document: ChatDocument, live: readonly LiveReply[]): void {
  if (live.length === 0) return;
  const replies = new Map(live.map((reply) => [reply.messageId, reply.output]));
  for (const message of everyMessage(document)) {
    const output = typeof message.id === 'string' ? replies.get(message.id) : undefined;
    if (output) Object.assign(message, { content: outputText(output), output, done: false } satisfies JsonObject);
  }
}
