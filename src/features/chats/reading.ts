import type { Database, Db } from '../../kernel/database/index.ts';
import { mayNeedCleaning } from '../../kernel/database/index.ts';
import type { JsonText } from '../../kernel/http/answer.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { createQueues } from '../../kernel/queues.ts';
import type { Config } from '../../kernel/settings/index.ts';
import type { ChatGuard } from './access.ts';
import { type ContextUsage, contextUsage } from './context-usage.ts';
import { branchTo, type ChatDocument, currentMessageId, historyOf, parseDocument, repairHistory } from './document.ts';
import { LARGE, readDocument } from './document-text.ts';
import { loadBranch, loadUnfinished } from './message-rows.ts';
import { answerChat } from './present.ts';
import type { ChatRuns } from './runs.ts';
import { type ChatHead, findWhole, userNames, type WholeChat } from './store.ts';
import { hideMeta, shareView } from './view.ts';
import { createViewCache, type KeptView } from './view-cache.ts';
import { coversOverlay, fillGaps, type Overlay, writeView } from './view-text.ts';

export interface ReadingDeps {
  database: Pick<Database, 'db' | 'commitMark'>;
  config: Pick<Config, 'get'>;
  guard: ChatGuard;
  runs: ChatRuns;
}

export type Reading = ReturnType<typeof createReading>;

/** A stored document as it may be sent: JSON of an object, without what no reader should get. */
export function documentBytes(stored: Buffer): Buffer {
  // The patterns are ASCII: reading bytes as Latin-1 costs a tenth of decoding them.
  const plain = stored[0] === OPENING && !mayNeedCleaning(stored.toString('latin1'));
  return plain ? trimmed(stored) : Buffer.from(JSON.stringify(parseDocument(stored)));
}

const OPENING = 0x7b;
const SPACE = 0x20;

/** Without the room for growth behind a large document. */
function trimmed(stored: Buffer): Buffer {
  let end = stored.length;
  while (stored[end - 1] === SPACE) end -= 1;
  return stored.subarray(0, end);
}

/** Shapes a document for a viewer, with the names its messages lack. */
export async function viewDocument(
  db: Db,
  document: ChatDocument,
  ownerId: string,
  viewerId: string | null,
  known: ReadonlyMap<string, string> = new Map(),
): Promise<ChatDocument> {
  const unknown = shareView(document, ownerId, viewerId, known);
  if (unknown.length > 0) shareView(document, ownerId, viewerId, await userNames(db, unknown));
  return document;
}

/** Opening one chat (chats note, 1.5). */
export function createReading({ database, config, guard, runs }: ReadingDeps) {
  const { db } = database;
  const cache = createViewCache();
  const inOrder = createQueues();

  /** The chat as the viewer saw it last, if it is the same still; else as it is stored, with what it was made into before. */
  async function find(
    key: string,
    id: string,
  ): Promise<{ whole: WholeChat; kept: KeptView | null; mark: number | null } | null> {
    // Taken before the row: it may be newer than the mark, never older.
    const mark = database.commitMark();
    const kept = cache.get(key);
    if (kept && mark !== null && kept.mark === mark)
      return { whole: { head: kept.head, bytes: kept.source }, kept, mark };
    const whole = await findWhole(db, id);
    if (!whole) return null;
    return { whole, kept: kept?.source.equals(whole.bytes) ? kept : null, mark };
  }

  /** The view of a document, made anew. */
  async function make(viewer: User, { head, bytes }: WholeChat, writable: boolean, moving: ReadonlySet<string>) {
    const document = await readDocument(bytes);
    repairHistory(historyOf(document));
    await viewDocument(db, document, head.user_id, viewer.id, new Map([[viewer.id, viewer.name]]));
    document.share_mode = writable ? 'continue' : null;
    const view = await writeView(document, moving);
    return { view, writable, params: document.params, current: currentMessageId(document) };
  }

  async function overlayOf(chatId: string, moves: boolean): Promise<Overlay> {
    const live = await runs.live(chatId);
    return { live, rows: moves || live.length > 0 ? await loadUnfinished(db, chatId) : [] };
  }

  /** What the viewer sees; kept for the next time. */
  async function view(
    key: string,
    viewer: User,
    whole: WholeChat,
    writable: boolean,
    before: KeptView | null,
    mark: number | null,
  ) {
    const { head, bytes: source } = whole;
    const keep = (entry: KeptView): KeptView => {
      const kept = { ...entry, head, mark };
      cache.put(key, kept);
      return kept;
    };
    let entry =
      before?.writable === writable
        ? keep(before)
        : keep({ ...(await make(viewer, whole, writable, NONE)), head, mark, source });
    const overlay = await overlayOf(head.id, entry.view.open.size > 0);
    if (!coversOverlay(entry.view, overlay)) {
      const moving = new Set([...overlay.rows.map((row) => row.id), ...overlay.live.map((reply) => reply.messageId)]);
      entry = keep({ ...(await make(viewer, whole, writable, moving)), head, mark, source });
    }
    const parts = fillGaps(entry.view, overlay, (message) => hideMeta(message, head.user_id, viewer.id));
    return { entry, parts };
  }

  /** How full the context is; null unless long chats are summarised. */
  async function usageOf(head: ChatHead, { params, current: named, source }: KeptView): Promise<ContextUsage | null> {
    if (!config.get('chat.context_compaction.enable')) return null;
    const current = head.current_message_id ?? named;
    if (current === null) return null;
    const stored = await loadBranch(db, head.id, current);
    const branch = stored.length > 0 ? stored : branchTo(historyOf(parseDocument(source)).messages, current);
    return contextUsage(branch, params, {
      threshold: config.get('chat.context_compaction.token_threshold'),
      cap: config.get('chat.context_compaction.token_cap'),
    });
  }

  return {
    /** The chat as its viewer sees it. 401 for those who may not, and where there is none. */
    async open(user: User, id: string): Promise<JsonText> {
      const key = `${id} ${user.id} ${user.name}`;
      const found = await find(key, id);
      const rights = found && (await guard.rights(user, found.whole.head));
      if (!found || !rights?.read) throw new HttpError(401, detail.NOT_FOUND, { code: 'chat.hidden' });
      const { whole, kept, mark } = found;
      const { head } = whole;
      const writable = rights.write !== null;
      // Whoever waited finds what the one before has made.
      const { entry, parts } =
        kept || whole.bytes.length < LARGE
          ? await view(key, user, whole, writable, kept, mark)
          : await inOrder('', () => {
              const made = cache.get(key);
              return view(key, user, whole, writable, made?.source.equals(whole.bytes) ? made : null, mark);
            });
      const extras = rights.read === 'own' ? {} : { variables: {} };
      return answerChat(head, parts, { ...extras, context_usage: await usageOf(head, entry) });
    },

    /** A chat after a change, for its owner. */
    async whole(id: string, fallback?: () => HttpError): Promise<JsonText> {
      const found = await findWhole(db, id);
      if (!found) throw fallback?.() ?? new HttpError(404, detail.NOT_FOUND, { code: 'chat.gone' });
      return answerChat(found.head, [documentBytes(found.bytes)]);
    },
  };
}

const NONE: ReadonlySet<string> = new Set();
