import { isObject, type JsonObject } from '../../../kernel/json.ts';

/** A reply the client made a place for: one of them for each column. */
export interface ReplyRequest {
  id: string;
  model: string;
  modelIdx?: number | null;
}

/** Background tasks the client wants; absent: skip; false: see note 7.1. */
export interface BackgroundTasks {
  title?: boolean;
  tags?: boolean;
  followUps?: boolean;
}

/** Body of `POST /api/chat/completions`, read loosely (chat pipeline note, 1.1). Absent texts are null, absent lists empty. */
export interface ChatRequest {
  model: string;
  messages: JsonObject[];
  stream: boolean;
  /** Members that are the provider's: `temperature`, `stream_options`, `tools`, and whatever nobody here knows. */
  providerBody: JsonObject;
  /** Nulls dropped. */
  params: JsonObject;
  /** The key `tools` was sent, be it empty: the server offers none of its own. */
  bringsTools: boolean;
  toolIds: string[];
  toolServers: JsonObject[];
  skillIds: string[];
  terminalId: string | null;
  filterIds: string[];
  /** null: not sent. */
  files: JsonObject[] | null;
  features: JsonObject;
  /** Literal replacements for prompts: only `{{NAME}}` keys are taken (note 11). */
  variables: Record<string, string>;
  /** null: those stored with the chat. */
  chatVariables: JsonObject | null;
  /** Entry of a model whose connection the browser holds. */
  directModel: JsonObject | null;
  sessionId: string | null;
  chatId: string | null;
  folderId: string | null;
  /** `parent_id` was sent as null and no `chat_id`: a chat is made. */
  createsChat: boolean;
  /** The columns: `message_ids`, or the single `id`; empty: none. */
  replies: ReplyRequest[];
  /** `message_ids` was sent, be it empty. */
  listsReplies: boolean;
  userMessage: (JsonObject & { id: string }) | null;
  assistantMessageId: string | null;
  regenerationPrompt: string | null;
  regenerationMessageId: string | null;
  backgroundTasks: BackgroundTasks;
  automationId: string | null;
}

/** Members the server takes for itself; the provider gets the others. */
const OWN = new Set([
  'model',
  'messages',
  'stream',
  'params',
  'tool_ids',
  'tool_servers',
  'skill_ids',
  'terminal_id',
  'filter_ids',
  'files',
  'features',
  'variables',
  'chat_variables',
  'model_item',
  'session_id',
  'chat_id',
  'folder_id',
  'id',
  'message_ids',
  'parent_id',
  'user_message',
  'parent_message',
  'assistant_message_id',
  'regeneration_prompt',
  'regeneration_message_id',
  'background_tasks',
  'automation_id',
  'new_chat',
  'metadata',
]);

/** Reads the body of a completion request. Nothing of it is refused here: what is of another kind counts as absent. */
export function readChatRequest(body: JsonObject): ChatRequest {
  const model = text(body.model) ?? '';
  const chatId = text(body.chat_id);
  return {
    model,
    messages: objects(body.messages),
    stream: body.stream === true,
    providerBody: Object.fromEntries(Object.entries(body).filter(([key]) => !OWN.has(key))),
    params: withoutNulls(body.params),
    bringsTools: 'tools' in body,
    toolIds: texts(body.tool_ids),
    toolServers: objects(body.tool_servers),
    skillIds: texts(body.skill_ids),
    terminalId: text(body.terminal_id),
    filterIds: texts(body.filter_ids),
    files: Array.isArray(body.files) ? objects(body.files) : null,
    features: isObject(body.features) ? body.features : {},
    variables: readVariables(body.variables),
    chatVariables: isObject(body.chat_variables) ? body.chat_variables : null,
    directModel: isObject(body.model_item) && body.model_item.direct === true ? body.model_item : null,
    sessionId: text(body.session_id),
    chatId,
    folderId: text(body.folder_id),
    createsChat: chatId === null && body.parent_id === null,
    replies: readReplies(body, model),
    listsReplies: isObject(body.message_ids) || Array.isArray(body.message_ids),
    userMessage: readUserMessage(body.user_message ?? body.parent_message),
    assistantMessageId: text(body.assistant_message_id),
    regenerationPrompt: text(body.regeneration_prompt),
    regenerationMessageId: text(body.regeneration_message_id),
    backgroundTasks: readTasks(body.background_tasks),
    automationId: text(body.automation_id),
  };
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string' && one !== '') : [];
}

function objects(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function withoutNulls(value: unknown): JsonObject {
  if (!isObject(value)) return {};
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

/** A client must not rewrite prompts of administrators: only placeholders of the usual form. */
const PLACEHOLDER = /^\{\{[A-Z_]+\}\}$/;

function readVariables(value: unknown): Record<string, string> {
  const variables: Record<string, string> = {};
  if (!isObject(value)) return variables;
  for (const [key, member] of Object.entries(value)) {
    if (PLACEHOLDER.test(key) && member !== null && member !== undefined) variables[key] = String(member);
  }
  return variables;
}

function readReplies(body: JsonObject, model: string): ReplyRequest[] {
  const { message_ids } = body;
  if (Array.isArray(message_ids)) return objects(message_ids).map((entry) => readReply(entry, model));
  if (isObject(message_ids)) {
    return Object.entries(message_ids).map(([model_id, message_id]) => readReply({ model_id, message_id }, model));
  }
  return text(body.id) === null ? [] : [{ id: text(body.id) ?? '', model }];
}

function readReply(entry: JsonObject, model: string): ReplyRequest {
  const reply: ReplyRequest = { id: text(entry.message_id) ?? '', model: text(entry.model_id) ?? model };
  if (Number.isInteger(entry.modelIdx)) reply.modelIdx = entry.modelIdx as number;
  return reply;
}

function readUserMessage(value: unknown): ChatRequest['userMessage'] {
  if (!isObject(value)) return null;
  return { ...value, id: text(value.id) ?? '' };
}

function readTasks(value: unknown): BackgroundTasks {
  if (!isObject(value)) return {};
  const tasks: BackgroundTasks = {};
  if ('title_generation' in value) tasks.title = value.title_generation === true;
  if ('tags_generation' in value) tasks.tags = value.tags_generation === true;
  if ('follow_up_generation' in value) tasks.followUps = value.follow_up_generation === true;
  return tasks;
}
