import type { Database } from '../../../kernel/database/index.ts';
import { verified } from '../../../kernel/http/access.ts';
import { forbidden, HttpError, notFound, prohibited } from '../../../kernel/http/errors.ts';
import type { User } from '../../../kernel/http/principal.ts';
import { type Route, route } from '../../../kernel/http/route.ts';
import { Bool, Default, Json, Obj, OneOf, Optional, Str, shape } from '../../../kernel/http/shapes.ts';
import type { Realtime } from '../../../kernel/realtime/index.ts';
import { type ChatHead, findChat, loadMessage, lockHead, outputText, upsertMessage } from '../../chats/index.ts';
import type { OutputItem } from '../reply/items.ts';
import { type Decision, decide, itemsOf, type Resume } from './calls.ts';
import { type ResumeDeps, type Resumed, recordResumed, startResumed } from './resume.ts';

export interface ResolveDeps extends ResumeDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  realtime: Pick<Realtime, 'emit' | 'socketsIn'>;
  mayWrite(user: User, chat: ChatHead): Promise<boolean>;
}

const ResolveToolCallForm = shape('ResolveToolCallForm', {
  call_id: Str(),
  action: OneOf('approve', 'reject', 'answer'),
  answers: Optional(Json()),
  timed_out: Default(Bool(), false),
});

/** The user's decision about a tool call that waits in a chat, at whichever process (chat pipeline note, 8.2). */
export function resolveRoutes(deps: ResolveDeps): Route[] {
  return [
    route({
      method: 'POST',
      url: '/api/v1/chats/:id/messages/:message_id/resolve',
      access: verified,
      body: ResolveToolCallForm,
      reply: Obj({}, { extra: 'keep' }),
      tag: 'chats',
      handler: async ({ user, params, body, credential, request: { headers }, reply }) => {
        const decision: Decision = {
          callId: body.call_id,
          action: body.action,
          answers: body.answers ?? null,
          timedOut: body.timed_out,
        };
        const [chatId, messageId] = [params.id ?? '', params.message_id ?? ''];
        const caller = { credential, cookie: headers.cookie, userAgent: headers['user-agent'] };
        const decided = await resolve(deps, user, chatId, messageId, decision);
        tell(deps, user, chatId, messageId, decided.items);
        // What the reply says next must not reach the client before this answer, which has the reply as it is now.
        const answered = new Promise<void>((done) => reply.raw.once('close', done));
        const task_ids = decided.resumed ? await startResumed(deps, user, decided.resumed, caller, answered) : [];
        return { status: true, chat_id: chatId, message_id: messageId, task_ids };
      },
    }),
  ];
}

async function resolve(
  deps: ResolveDeps,
  user: User,
  chatId: string,
  messageId: string,
  decision: Decision,
): Promise<{ items: OutputItem[]; resumed: Resumed | null }> {
  const chat = await findChat(deps.database.db, chatId);
  if (!chat || !(await deps.mayWrite(user, chat))) throw prohibited();
  deps.runs.checkOpen();
  return deps.database.transaction(async (tx) => {
    const head = await lockHead(tx, chatId);
    const message = head && (await loadMessage(tx, chatId, messageId));
    if (!head || !message) throw notFound();
    if ((message.user_id ?? head.user_id) !== user.id) throw forbidden();
    if (!Array.isArray(message.output)) throw new HttpError(400, 'The message has no tool calls.');
    const items = itemsOf(message.output);
    const resume = decide(items, decision);
    return { items, resumed: await store(deps, tx, { head, message, items, user, resume }) };
  });
}

interface Decided {
  head: ChatHead;
  message: NonNullable<Awaited<ReturnType<typeof loadMessage>>>;
  items: OutputItem[];
  user: User;
  resume: Resume | null;
}

async function store(
  { turns: { processId } }: ResolveDeps,
  tx: Parameters<typeof recordResumed>[0],
  { head: chat, message, items, user, resume }: Decided,
): Promise<Resumed | null> {
  if (resume) return recordResumed(tx, { chat, message, items, userId: user.id, processId, resume });
  const fields = { output: items, content: outputText(items), done: false, user_id: user.id };
  await upsertMessage(tx, chat.id, message.id, fields, { touch: false });
  return null;
}

/** All tabs of the author, and others who have the chat open, see the decision. */
function tell({ realtime }: ResolveDeps, user: User, chatId: string, messageId: string, output: OutputItem[]): void {
  const envelope = { chat_id: chatId, message_id: messageId, data: { type: 'chat:completion', data: { output } } };
  const own = [`user:${user.id}`];
  realtime.emit({ rooms: own }, 'events', envelope);
  const room = `chat:${chatId}`;
  if (realtime.socketsIn(room).length === 0) return;
  realtime.emit({ rooms: [room], except: own }, 'events', { ...envelope, user_id: user.id, shared: true });
}
