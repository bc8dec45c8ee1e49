import type { Database } from '../../../kernel/database/index.ts';
import { HttpError, notFound } from '../../../kernel/http/errors.ts';
import type { User } from '../../../kernel/http/principal.ts';
import type { Realtime } from '../../../kernel/realtime/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import { isSavedChatId, linkFiles, type Message } from '../../chats/index.ts';
import type { EventSink } from '../../configuration/index.ts';
import type { Caller as RequestCaller } from '../../providers/index.ts';
import { isWaiting, itemsOf, type Resume } from '../approval/calls.ts';
import { isUsersSocket } from '../run/audience.ts';
import type { TurnDraft } from '../run/live-run.ts';
import { type AdmissionDeps, type AdmittedModel, admitModel, unknownModel } from './admission.ts';
import { announceTurn } from './announce.ts';
import { type Column, columnsOf, type Place, type PlaceDeps, placeInChat, placeNewChat } from './place.ts';
import type { ChatRequest } from './request.ts';
import type { ChatKind, TurnContext, TurnMetadata } from './turn.ts';

export interface TurnsDeps extends AdmissionDeps, PlaceDeps {
  database: Database;
  realtime: Pick<Realtime, 'emit' | 'socketsIn'>;
  events: EventSink;
  log: Pick<Log, 'warn'>;
  /** A person has written in a chat. */
  wasWritten(userId: string, chatId: string): void;
  /** Those of these files that the user may not use. */
  unreadableFiles(user: User, fileIds: readonly string[]): Promise<readonly string[]>;
}

export interface Caller {
  user: User;
  userAgent: string | null;
  /** What the request carried; null where there is none. */
  request: RequestCaller | null;
  /** The server itself asks (sub-agents, timers, automations). */
  internal: boolean;
}

/** What a request asks for, once it is admitted. */
export type Started =
  /** Replies that are written in the background of a chat. */
  | { mode: 'runs'; chatId: string; drafts: TurnDraft[] }
  /** One reply of a chat nobody watches: the request waits for it. */
  | { mode: 'inline'; draft: TurnDraft }
  /** No chat: the provider's answer is the answer. */
  | { mode: 'served'; turn: Omit<TurnContext, 'signal'> };

/** Admits a completion request and gives its replies their places in the chat (note 1.2 to 1.5). */
export async function startTurn(deps: TurnsDeps, caller: Caller, request: ChatRequest): Promise<Started> {
  const { user } = caller;
  const kind = kindOf(request);
  // Channels ask models by mention; no client names a channel here.
  if (kind === 'channel') throw notFound();
  const admission = { user, request, kind, internal: caller.internal };
  const first = await admitModel(deps, admission, request.model);
  if (kind === 'temporary') await checkTemporary(deps, user, request);
  const place = await placeOf(deps, user, request, kind);
  if (place) await afterPlacing(deps, user, request, place);
  const chatId = place?.chat.id ?? request.chatId ?? '';
  const columns = place?.columns ?? columnsOf(request.replies);
  const context = { deps, caller, request, kind, chatId, place };
  if (chatId === '' || columns.length === 0) {
    if (request.listsReplies && columns.length === 0) throw new HttpError(400, 'message_ids names no message.');
    return { mode: 'served', turn: servedTurn(context, first, columns[0] ?? null) };
  }
  const drafts: TurnDraft[] = [];
  for (const [index, column] of columns.entries()) {
    const known = index === 0 || column.model === request.model ? first : null;
    drafts.push(await draftOf(context, admission, column, index, known));
  }
  if (request.sessionId !== null) return { mode: 'runs', chatId, drafts };
  const [draft] = drafts;
  if (!draft) throw new HttpError(400, 'The request names no reply.');
  return { mode: 'inline', draft };
}

function kindOf({ chatId, createsChat }: ChatRequest): ChatKind {
  if (chatId === null) return createsChat ? 'saved' : 'none';
  const saved: boolean = isSavedChatId(chatId);
  if (saved) return 'saved';
  return chatId.startsWith('channel:') ? 'channel' : 'temporary';
}

/** A temporary chat belongs to the socket it is named after. */
async function checkTemporary(deps: TurnsDeps, user: User, request: ChatRequest): Promise<void> {
  if (user.role === 'admin' || request.sessionId === null) return;
  if (!isUsersSocket(deps.realtime, request.sessionId, user.id)) return;
  const socketId = (request.chatId ?? '').replace(/^[a-z]+:/, '');
  const [owner] = deps.realtime.socketsIn(socketId);
  if (owner && owner.user?.id !== user.id) throw notFound();
}

async function placeOf(deps: TurnsDeps, user: User, request: ChatRequest, kind: ChatKind): Promise<Place | null> {
  if (kind !== 'saved') return null;
  return request.chatId === null ? placeNewChat(deps, user, request) : placeInChat(deps, user, request, request.chatId);
}

async function afterPlacing(deps: TurnsDeps, user: User, request: ChatRequest, place: Place): Promise<void> {
  if (request.userMessage && !place.isNew) deps.wasWritten(user.id, place.chat.id);
  announceTurn(deps, user, place);
  const fileIds = (Array.isArray(request.userMessage?.files) ? request.userMessage.files : []).flatMap((file) =>
    file?.type === 'file' && typeof file.id === 'string' ? [file.id as string] : [],
  );
  if (!place.placed || fileIds.length === 0) return;
  try {
    const refused = new Set(await deps.unreadableFiles(user, fileIds));
    const linked = fileIds.filter((id) => !refused.has(id));
    const link = { chatId: place.chat.id, userId: user.id, messageId: place.userMessageId, fileIds: linked };
    await linkFiles(deps.database.db, link);
  } catch (error) {
    // The turn stands without the links: they only let others who may read the chat open the files.
    deps.log.warn({ err: error, chat: place.chat.id }, 'files could not be linked to a chat');
  }
}

interface Context {
  deps: TurnsDeps;
  caller: Caller;
  request: ChatRequest;
  kind: ChatKind;
  chatId: string;
  place: Place | null;
  resume?: Resume;
}

type Admission = Parameters<typeof admitModel>[1];

async function draftOf(
  context: Context,
  admission: Admission,
  column: Column,
  index: number,
  known: AdmittedModel | null,
): Promise<TurnDraft> {
  const { request, place, resume } = context;
  let admitted = known;
  let refused: HttpError | null = null;
  if (!admitted) {
    try {
      admitted = await admitModel(context.deps, admission, column.model);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      refused = error;
      admitted = emptyAdmission(column.model);
    }
  }
  const base = contextOf(context, admitted, column);
  const continues = place ? place.continues : sentReply(request);
  return {
    ...base,
    taskId: column.taskId,
    replyId: column.id,
    column: index,
    continues,
    // Who presses Continue on a reply that waits gets no further than its calls.
    resume: resume ?? (continues && itemsOf(continues.output).some(isWaiting) ? 'tools' : null),
    refused,
  };
}

/** How a reply that has its place already is written. */
interface PlacedOptions {
  /** It goes on after the user's decision. */
  resume?: Resume;
  /** Rounds with tools it may have; default: the site's limit. */
  toolRounds?: number;
}

/** The draft of a reply that has its place in a stored chat. */
export async function placedDraft(
  deps: TurnsDeps,
  caller: Caller,
  request: ChatRequest,
  place: Place & { columns: readonly [Column] },
  { resume, toolRounds }: PlacedOptions = {},
): Promise<TurnDraft> {
  const admission = { user: caller.user, request, kind: 'saved', internal: caller.internal } as const;
  const context = {
    deps,
    caller,
    request,
    kind: 'saved',
    chatId: place.chat.id,
    place,
    ...(resume && { resume }),
  } as const;
  const draft = await draftOf(context, admission, place.columns[0], 0, null);
  return toolRounds === undefined ? draft : { ...draft, toolRounds };
}

function emptyAdmission(modelId: string): AdmittedModel {
  const settings = {
    stream: true,
    functionCalling: 'native',
    toolApprovalMode: 'full',
    reasoningTags: undefined,
    deltaChunkSize: 1,
    compactTokenThreshold: null,
    modelControls: {},
  } as const;
  return { model: unknownModel(modelId), params: {}, settings };
}

/** The reply an unsaved chat continues is the last one the client sent. */
function sentReply({ assistantMessageId, messages }: ChatRequest): Message | null {
  if (assistantMessageId === null) return null;
  const last = messages.findLast(({ role }) => role === 'assistant');
  return last ? ({ ...last, id: assistantMessageId, role: 'assistant' } as Message) : null;
}

function contextOf({ caller, request, kind, chatId, place }: Context, admitted: AdmittedModel, column: Column | null) {
  const metadata: TurnMetadata = {
    user_id: caller.user.id,
    user_agent: caller.userAgent,
    internal: caller.internal,
    chat_id: chatId,
    message_id: column?.id ?? null,
    session_id: request.sessionId,
    task_id: column?.taskId ?? null,
    user_message_id: place?.userMessageId ?? request.userMessage?.id ?? null,
    user_message: request.userMessage,
    assistant_message_id: request.assistantMessageId,
    folder_id: place?.chat.folder_id ?? request.folderId,
    filter_ids: request.filterIds,
    tool_ids: request.toolIds,
    files: request.files,
    features: request.features,
    variables: request.variables,
    direct: request.directModel !== null,
    model: admitted.model.entry,
  };
  return {
    user: caller.user,
    request,
    model: admitted.model,
    kind,
    chat: place?.chat ?? null,
    chatId,
    userMessageId: place?.userMessageId ?? request.userMessage?.id ?? null,
    sessionId: request.sessionId,
    params: admitted.params,
    settings: admitted.settings,
    direct: request.directModel !== null,
    internal: caller.internal,
    toolRounds: null,
    caller: caller.request,
    metadata,
  };
}

function servedTurn(context: Context, admitted: AdmittedModel, column: Column | null): Omit<TurnContext, 'signal'> {
  return {
    ...contextOf(context, admitted, column),
    replyId: column?.id ?? null,
    taskId: null,
    column: 0,
    continues: null,
    resume: null,
    // Nobody watches: there is no message an event could belong to.
    emit: () => {},
  };
}
