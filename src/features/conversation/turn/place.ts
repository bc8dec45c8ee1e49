import { randomUUID } from 'node:crypto';
import type { Database, Transaction } from '../../../kernel/database/index.ts';
import { forbidden, HttpError, notFound } from '../../../kernel/http/errors.ts';
import type { User } from '../../../kernel/http/principal.ts';
import { isObject } from '../../../kernel/json.ts';
import {
  type ChatHead,
  findChat,
  firstTurnDocument,
  insertChat,
  loadMessage,
  lockHead,
  type Message,
  type Messages,
  placeTurn,
  upsertMessage,
} from '../../chats/index.ts';
import { insertRuns, runsInChats } from '../run/journal-store.ts';
import type { ChatRequest, ReplyRequest } from './request.ts';

/** A reply with the task that will write it. */
export interface Column extends ReplyRequest {
  taskId: string;
}

/** A turn with its place in a stored chat; its runs are on record. */
export interface Place {
  chat: ChatHead;
  isNew: boolean;
  columns: readonly Column[];
  userMessageId: string | null;
  continues: Message | null;
  /** What was placed, and the chat's current message then; null when nothing was (Continue). */
  placed: { messages: Messages; currentId: string | null } | null;
}

export interface PlaceDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  processId: string;
  /** Whether the user may write in the chat now: the owner, or somebody it is shared with for that. */
  mayWrite(user: User, chat: ChatHead): Promise<boolean>;
  /** Whether the user may put chats into the folder. */
  mayUseFolder(user: User, folderId: string): Promise<boolean>;
  permissions(user: User, permission: string): Promise<boolean>;
}

export function columnsOf(replies: readonly ReplyRequest[]): Column[] {
  return replies.map((reply) => ({ ...reply, taskId: randomUUID() }));
}

function runRows(deps: PlaceDeps, user: User, chatId: string, columns: readonly Column[]) {
  return columns.map(({ id, taskId }) => ({
    id: taskId,
    chat_id: chatId,
    message_id: id,
    user_id: user.id,
    process_id: deps.processId,
  }));
}

/** A new chat with its first turn (note 1.3). */
export async function placeNewChat(deps: PlaceDeps, user: User, request: ChatRequest): Promise<Place> {
  const { folderId, userMessage } = request;
  if (folderId !== null && !(await deps.mayUseFolder(user, folderId))) throw notFound();
  if (await mustStayTemporary(deps, user)) throw forbidden();
  const chatId = randomUUID();
  const columns = columnsOf(request.replies);
  checkIds([...(userMessage ? [userMessage.id] : []), ...columns.map(({ id }) => id)]);
  const turn = { author: authorOf(user), userMessage: questionOf(request), replies: columns };
  const document = firstTurnDocument(chatId, turn, modelsOf(request), request.files ?? []);
  const chat = await deps.database.transaction(async (tx) => {
    const variables = request.chatVariables;
    const stored = await insertChat(tx, { id: chatId, userId: user.id, document, folderId, variables });
    await insertRuns(tx, runRows(deps, user, chatId, columns));
    return stored;
  });
  const { document: _, ...head } = chat;
  const { history } = document as { history?: unknown };
  const messages = (isObject(history) && isObject(history.messages) ? history.messages : {}) as Messages;
  const placed = { messages, currentId: head.current_message_id };
  return { chat: head, isNew: true, columns, userMessageId: userMessage?.id ?? null, continues: null, placed };
}

async function mustStayTemporary({ permissions }: PlaceDeps, user: User): Promise<boolean> {
  if (user.role === 'admin') return false;
  return (await permissions(user, 'chat.temporary')) && (await permissions(user, 'chat.temporary_enforced'));
}

function checkIds(ids: readonly string[]): void {
  const usable = ids.every((id) => id !== '' && id !== '__proto__');
  if (!usable || new Set(ids).size !== ids.length) throw takenId();
}

function takenId(): HttpError {
  return new HttpError(409, 'Message already exists or has an invalid ID.', { code: 'message.id' });
}

/** A turn in a chat that exists (note 1.4). */
export async function placeInChat(deps: PlaceDeps, user: User, request: ChatRequest, chatId: string): Promise<Place> {
  const chat = await findChat(deps.database.db, chatId);
  if (!chat || !(await deps.mayWrite(user, chat))) throw notFound();
  if (request.assistantMessageId !== null) return placeContinuation(deps, user, request, chat);
  const columns = columnsOf(request.replies);
  if (columns.length === 0) throw takenId();
  const turn = { author: authorOf(user), userMessage: questionOf(request), replies: columns };
  const placed = await deps.database.transaction(async (tx) => {
    const result = await placeTurn(tx, chatId, turn, {
      models: modelsOf(request),
      ...(request.files ? { files: request.files } : {}),
      ...(request.chatVariables ? { variables: request.chatVariables } : {}),
    });
    await insertRuns(tx, runRows(deps, user, chatId, columns));
    return result;
  });
  const first = columns[0] ? placed.messages[columns[0].id] : undefined;
  const { messages, currentId } = placed;
  const userMessageId = request.userMessage?.id ?? first?.parentId ?? null;
  return { chat: placed.chat, isNew: false, columns, userMessageId, continues: null, placed: { messages, currentId } };
}

async function placeContinuation(deps: PlaceDeps, user: User, request: ChatRequest, chat: ChatHead): Promise<Place> {
  const id = request.assistantMessageId ?? '';
  const stored = await loadMessage(deps.database.db, chat.id, id);
  if (!stored || (stored.user_id ?? chat.user_id) !== user.id) throw forbidden();
  if (request.replies.some((reply) => reply.id !== id)) throw new HttpError(400, 'Invalid response ID.');
  const columns = columnsOf([request.replies[0] ?? { id, model: request.model }]);
  await deps.database.transaction(async (tx) => {
    await lockHead(tx, chat.id);
    // Whichever process writes it.
    if ((await runsInChats(tx, [chat.id])).some((run) => run.message_id === id)) {
      throw new HttpError(409, 'This response is still being written.', { code: 'reply.running' });
    }
    for (const { taskId } of columns) await reopen(tx, chat.id, stored, taskId);
    await insertRuns(tx, runRows(deps, user, chat.id, columns));
  });
  return {
    chat,
    isNew: false,
    columns,
    userMessageId: stored.parentId ?? null,
    continues: stored,
    placed: null,
  };
}

/** The reply is in work again, and an earlier error of it is over. */
async function reopen(tx: Transaction, chatId: string, message: Message, taskId: string): Promise<void> {
  const error = message.error === undefined || message.error === null ? {} : { error: null };
  await upsertMessage(tx, chatId, message.id, { done: false, ...error, meta: { task_id: taskId } }, { touch: false });
}

function authorOf({ id, name }: User): { id: string; name: string } {
  return { id, name };
}

function questionOf({ userMessage }: ChatRequest): Parameters<typeof placeTurn>[2]['userMessage'] {
  return userMessage;
}

/** The models the chat shows as chosen. */
function modelsOf({ userMessage, replies }: ChatRequest): string[] {
  const chosen = userMessage?.models;
  if (Array.isArray(chosen) && chosen.length > 0) return chosen.filter((id) => typeof id === 'string');
  return replies.map(({ model }) => model);
}
