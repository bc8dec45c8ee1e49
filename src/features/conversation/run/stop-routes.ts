import type { Database } from '../../../kernel/database/index.ts';
import { admin, verified } from '../../../kernel/http/access.ts';
import { notFound } from '../../../kernel/http/errors.ts';
import type { User } from '../../../kernel/http/principal.ts';
import { type Route, route } from '../../../kernel/http/route.ts';
import { Bool, List, Str, shape } from '../../../kernel/http/shapes.ts';
import { isObject } from '../../../kernel/json.ts';
import type { Realtime } from '../../../kernel/realtime/index.ts';
import {
  type ChatHead,
  findChat,
  isSavedChatId,
  loadMessages,
  type Message,
  outputText,
  upsertMessage,
} from '../../chats/index.ts';
import type { KnownRun, RunControl } from './control.ts';

export interface StopDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  control: RunControl;
  realtime: Pick<Realtime, 'emit' | 'socketsIn'>;
  mayWrite(user: User, chat: ChatHead): Promise<boolean>;
  /** Whether administrators may look into other people's chats. */
  adminSees: boolean;
}

const TaskList = shape('TaskListResponse', { tasks: List(Str()) });
const ChatTasks = shape('ChatTasksResponse', { task_ids: List(Str()) });
const Stopped = shape('TaskStopResponse', { status: Bool(), message: Str() });

/** Which replies are being written, and their end (note 2.3). */
export function stopRoutes(deps: StopDeps): Route[] {
  const { control } = deps;
  return [
    route({
      method: 'GET',
      url: '/api/tasks',
      access: admin,
      reply: TaskList,
      handler: async () => ({ tasks: (await control.all()).map(({ taskId }) => taskId) }),
    }),
    route({
      method: 'POST',
      url: '/api/tasks/stop/:task_id',
      access: admin,
      reply: Stopped,
      handler: ({ params }) => stopOne(control, params.task_id ?? ''),
    }),
    route({
      method: 'GET',
      url: '/api/tasks/chat/*',
      access: verified,
      reply: ChatTasks,
      handler: async ({ user, params }) => ({
        task_ids: ((await ownRuns(deps, user, params['*'] ?? '')) ?? []).map(({ taskId }) => taskId),
      }),
    }),
    route({
      method: 'POST',
      url: '/api/tasks/chat/*',
      access: verified,
      reply: Stopped,
      handler: ({ user, params }) => {
        const [, chatId] = /^(.+)\/stop$/.exec(params['*'] ?? '') ?? [];
        if (chatId === undefined) throw notFound('Not Found');
        return stopChat(deps, user, chatId);
      },
    }),
  ];
}

interface StopAnswer {
  status: boolean;
  message: string;
}

async function stopOne(control: RunControl, taskId: string): Promise<StopAnswer> {
  if (await control.stop(taskId)) return { status: true, message: `Task ${taskId} successfully stopped.` };
  return { status: false, message: `Task with ID ${taskId} not found.` };
}

/** The user's runs in a chat; null when the chat is not theirs to write in. */
async function ownRuns(deps: StopDeps, user: User, chatId: string): Promise<KnownRun[] | null> {
  if (!isSavedChatId(chatId)) {
    if (!ownsTemporary(deps, user, chatId)) return null;
    return deps.control.inChat(chatId);
  }
  const chat = await findChat(deps.database.db, chatId);
  if (!chat || !(await deps.mayWrite(user, chat))) return null;
  return (await deps.control.inChat(chatId)).filter(({ userId }) => userId === user.id);
}

/** A temporary chat belongs to the user of the socket it is named after. */
function ownsTemporary({ realtime, adminSees }: StopDeps, user: User, chatId: string): boolean {
  if (!/^(?:temporary|local):/.test(chatId)) return false;
  if (user.role === 'admin' && adminSees) return true;
  const socketId = chatId.slice(chatId.indexOf(':') + 1);
  return realtime.socketsIn(socketId).some((socket) => socket.id === socketId && socket.user?.id === user.id);
}

async function stopChat(deps: StopDeps, user: User, chatId: string): Promise<StopAnswer> {
  const runs = await ownRuns(deps, user, chatId);
  if (!runs) throw notFound();
  if (runs.length > 0) {
    const answers = await Promise.all(runs.map(({ taskId }) => stopOne(deps.control, taskId)));
    return answers.at(-1) ?? { status: true, message: 'No tasks found.' };
  }
  if (!isSavedChatId(chatId)) return { status: true, message: `No tasks found for item ${chatId}.` };
  const finalised = await finaliseOpen(deps, user, chatId);
  return { status: true, message: finalised ? 'Finalized pending approval message.' : 'No tasks found.' };
}

/** Ends the user's replies that nobody writes: those that wait for an approval, and what a restart left. */
async function finaliseOpen(deps: StopDeps, user: User, chatId: string): Promise<boolean> {
  const { db } = deps.database;
  const chat = await findChat(db, chatId);
  const open = Object.values(await loadMessages(db, chatId)).filter(
    (message) =>
      message.role === 'assistant' && message.done === false && (message.user_id ?? chat?.user_id) === user.id,
  );
  for (const message of open) {
    const output = withoutApprovals(message);
    const fields = { done: true, output, ...(message.content ? {} : { content: outputText(output) }) };
    await deps.database.transaction((tx) => upsertMessage(tx, chatId, message.id, fields));
    const events = [{ type: 'chat:completion', data: { done: true, output } }, { type: 'chat:tasks:cancel' }];
    for (const data of events) {
      deps.realtime.emit({ rooms: [`user:${user.id}`] }, 'events', { chat_id: chatId, message_id: message.id, data });
    }
  }
  return open.length > 0;
}

const WAITING = new Set(['pending', 'queued', 'requires_approval']);

function withoutApprovals({ output }: Message): unknown[] {
  if (!Array.isArray(output)) return [];
  return output.map((item) => {
    if (!isObject(item) || !WAITING.has(String(item.status))) return item;
    const { approved: _, ...rest } = item;
    return { ...rest, status: 'rejected' };
  });
}
