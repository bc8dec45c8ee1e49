import { randomUUID } from 'node:crypto';
import type { Database, Transaction } from '../../../kernel/database/index.ts';
import type { User } from '../../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import { type ChatHead, loadChat, type Message, outputText, upsertMessage } from '../../chats/index.ts';
import type { Caller as RequestCaller } from '../../providers/index.ts';
import type { OutputItem } from '../reply/items.ts';
import { insertRuns } from '../run/journal-store.ts';
import type { Runs } from '../run/runs.ts';
import type { Column, Place } from '../turn/place.ts';
import { readChatRequest } from '../turn/request.ts';
import { placedDraft, type TurnsDeps } from '../turn/start.ts';
import type { Resume } from './calls.ts';
import { storedRequest } from './request.ts';

export interface ResumeDeps {
  database: Pick<Database, 'db'>;
  config: Pick<Config, 'get'>;
  turns: TurnsDeps;
  runs: Pick<Runs, 'start' | 'checkOpen'>;
}

/** A reply that goes on; its run is on record. */
export interface Resumed {
  chat: ChatHead;
  message: Message;
  taskId: string;
  resume: Resume;
}

/** Records in a transaction that this process goes on with a reply. Give the result to `startResumed` once it is committed. */
export async function recordResumed(
  tx: Transaction,
  {
    chat,
    message,
    items,
    userId,
    processId,
    resume,
  }: {
    chat: ChatHead;
    message: Message;
    items: readonly OutputItem[];
    userId: string;
    processId: string;
    resume: Resume;
  },
): Promise<Resumed> {
  const taskId = randomUUID();
  const meta = { ...(isObject(message.meta) ? message.meta : {}), task_id: taskId };
  const fields = { output: [...items], content: outputText(items), done: false, user_id: userId, meta };
  const stored = await upsertMessage(tx, chat.id, message.id, fields, { touch: false });
  await insertRuns(tx, [
    { id: taskId, chat_id: chat.id, message_id: message.id, user_id: userId, process_id: processId },
  ]);
  return { chat, message: stored ?? { ...message, ...fields }, taskId, resume };
}

/** Starts the run of a reply that goes on, once `after` has come; gives the ids of its tasks. */
export async function startResumed(
  deps: ResumeDeps,
  user: User,
  resumed: Resumed,
  live: RequestCaller | null = null,
  after?: Promise<void>,
): Promise<string[]> {
  const { chat, message, taskId, resume } = resumed;
  const document = (await loadChat(deps.database.db, chat.id))?.document;
  const stored = {
    chatId: chat.id,
    replyId: message.id,
    model: message.model ?? '',
    chatParams: document?.params,
    fallbackPrompt: usualPrompt(user, deps.config),
  };
  const body = { ...storedRequest(message.meta, stored), assistant_message_id: message.id, automation_id: null };
  const request = readChatRequest(body);
  const column = { id: message.id, model: message.model ?? '', taskId };
  const place: Place & { columns: readonly [Column] } = {
    chat,
    isNew: false,
    columns: [column],
    userMessageId: message.parentId ?? null,
    continues: message,
    placed: null,
  };
  const caller = { user, userAgent: live?.userAgent ?? null, internal: false, request: live };
  return deps.runs.start([await placedDraft(deps.turns, caller, request, place, { resume })], after);
}

/** The system prompt of the user's settings, else the site's for all. */
export function usualPrompt(user: User, config: Pick<Config, 'get'>): string {
  const own = promptIn(isObject(user.settings) ? user.settings.ui : undefined);
  return own || promptIn(config.get('ui.default_interface_settings'));
}

function promptIn(settings: unknown): string {
  const { system } = isObject(settings) ? settings : ({} as JsonObject);
  return typeof system === 'string' ? system : '';
}
