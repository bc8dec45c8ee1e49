import { randomUUID } from 'node:crypto';
import type { Database, Transaction } from '../../../kernel/database/index.ts';
import type { User } from '../../../kernel/http/principal.ts';
import type { Realtime } from '../../../kernel/realtime/index.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import { findChat, loadChat, loadMessage, lockHead, placeTurn } from '../../chats/index.ts';
import { storedRequest } from '../approval/request.ts';
import { usualPrompt } from '../approval/resume.ts';
import { insertRuns, runsInChats } from '../run/journal-store.ts';
import type { Runs } from '../run/runs.ts';
import type { Column, Place } from '../turn/place.ts';
import { readChatRequest } from '../turn/request.ts';
import { placedDraft, type TurnsDeps } from '../turn/start.ts';
import { deleteInternal, hasOpenReply, type InternalMessage, newestReply, waitingFor } from './store.ts';

export interface DeliveryDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  config: Pick<Config, 'get'>;
  realtime: Pick<Realtime, 'emit'>;
  log: Pick<Log, 'error'>;
  turns: TurnsDeps;
  runs: Pick<Runs, 'start' | 'isOpen'>;
  findUser(id: string): Promise<User | null>;
}

/** Puts what waits for an idle chat into it, and has it answered (chat pipeline note, 8.4). Never rejects. */
export type Deliver = (chatId: string) => Promise<void>;

type Placed = Place & { columns: readonly [Column] };

export function createDeliver(deps: DeliveryDeps): Deliver {
  return async (chatId) => {
    try {
      await deliver(chatId, deps);
    } catch (error) {
      // It still waits: the next look at what waits tries again.
      deps.log.error({ err: error, chat: chatId }, 'a message of the server could not be delivered');
    }
  };
}

async function deliver(chatId: string, deps: DeliveryDeps): Promise<void> {
  // Another process, or the next start, will.
  if (!deps.runs.isOpen) return;
  const { db } = deps.database;
  const waiting = await waitingFor(db, chatId);
  const [first] = waiting;
  if (!first) return;
  const [chat, user] = [await findChat(db, chatId), await deps.findUser(first.user_id)];
  if (!chat || !user || !(await deps.turns.mayWrite(user, chat))) {
    // Nobody is left to whom it could be told.
    return deleteInternal(
      db,
      waiting.map(({ id }) => id),
    );
  }
  const together = groupOf(waiting);
  const place = await deps.database.transaction((tx) => placeMessage(tx, chatId, user, together, deps.turns.processId));
  if (!place) return;
  const envelope = { chat_id: chatId, message_id: place.columns[0].id, data: { type: 'chat:reload' } };
  deps.realtime.emit({ rooms: [`user:${user.id}`] }, 'events', envelope);
  const document = (await loadChat(db, chatId))?.document;
  const body = storedRequest(first.run, {
    chatId,
    replyId: place.columns[0].id,
    model: first.model,
    chatParams: document?.params,
    fallbackPrompt: usualPrompt(user, deps.config),
  });
  const request = readChatRequest({ ...body, background_tasks: {}, automation_id: null });
  const caller = { user, userAgent: null, internal: false, request: null };
  deps.runs.start([await placedDraft(deps.turns, caller, request, place)]);
}

/** Results of one model's sub-agents go together, a timer goes alone. */
function groupOf(waiting: readonly InternalMessage[]): [InternalMessage, ...InternalMessage[]] {
  const [first, ...rest] = waiting as [InternalMessage, ...InternalMessage[]];
  if (first.kind === 'timer') return [first];
  return [
    first,
    ...rest.filter(
      ({ kind, model, user_id }) => kind === 'subagent' && model === first.model && user_id === first.user_id,
    ),
  ];
}

/** Null: the chat is not idle, or others were quicker. */
async function placeMessage(
  tx: Transaction,
  chatId: string,
  user: User,
  messages: readonly [InternalMessage, ...InternalMessage[]],
  processId: string,
): Promise<Placed | null> {
  const head = await lockHead(tx, chatId);
  const still = new Set((await waitingFor(tx, chatId)).map(({ id }) => id));
  if (!head || messages.some(({ id }) => !still.has(id))) return null;
  if ((await runsInChats(tx, [chatId])).length > 0 || (await hasOpenReply(tx, chatId))) return null;
  const [first] = messages;
  const current = head.current_message_id ? await loadMessage(tx, chatId, head.current_message_id) : null;
  const parentId = current?.role === 'assistant' ? current.id : await newestReply(tx, chatId);
  const column: Column = { id: randomUUID(), model: first.model, taskId: randomUUID() };
  const userMessage = {
    id: randomUUID(),
    parentId,
    content: messages.map(({ content }) => content).join('\n\n'),
    model: first.model,
    models: [first.model],
    meta:
      messages.length === 1
        ? first.meta
        : { ...first.meta, delegation_ids: messages.map(({ meta }) => meta.delegation_id) },
  };
  const author = { id: user.id, name: user.name };
  const placed = await placeTurn(tx, chatId, { author, userMessage, replies: [column] });
  await insertRuns(tx, [
    { id: column.taskId, chat_id: chatId, message_id: column.id, user_id: user.id, process_id: processId },
  ]);
  await deleteInternal(
    tx,
    messages.map(({ id }) => id),
  );
  return {
    chat: placed.chat,
    isNew: false,
    columns: [column],
    userMessageId: userMessage.id,
    continues: null,
    placed: { messages: placed.messages, currentId: placed.currentId },
  };
}
