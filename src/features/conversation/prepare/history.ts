import type { Db } from '../../../kernel/database/index.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { loadBranch, loadMessage, type Message } from '../../chats/index.ts';
import type { TurnContext } from '../turn/turn.ts';
import type { ChatMessage } from './messages.ts';

const KEPT = ['id', 'content', 'output', 'files', 'contextSummary', 'usage', 'model', 'meta'] as const;

/**
 * The messages a reply answers: of a saved chat the branch as it is stored, behind the system message that was sent; else what was
 * sent (chat pipeline note, 3.4). A reply whose approved calls are still to run is told to the model afterwards.
 */
export async function loadHistory(db: Db, turn: TurnContext): Promise<ChatMessage[]> {
  const sent = turn.request.messages.map(readMessage);
  if (turn.kind !== 'saved' || turn.userMessageId === null) return sent;
  const branch = await loadBranch(db, turn.chatId, turn.userMessageId);
  if (branch.length === 0) return sent;
  const guided = turn.request.regenerationMessageId;
  const before = guided === null ? null : await loadMessage(db, turn.chatId, guided);
  const loaded = [
    ...branch,
    ...(turn.continues && turn.resume !== 'tools' ? [turn.continues] : []),
    ...(before ? [before] : []),
  ];
  const system = sent.find((message) => message.role === 'system');
  return [...(system ? [system] : []), ...loaded.filter(saysSomething).map(storedMessage).map(withImages)];
}

function readMessage(message: JsonObject): ChatMessage {
  return { ...message, role: typeof message.role === 'string' ? message.role : '' };
}

/** Replies that failed before their first word tell a model nothing. */
function saysSomething(message: Message): boolean {
  if (message.role !== 'assistant') return true;
  return Boolean(message.content) || (Array.isArray(message.output) && message.output.length > 0);
}

function storedMessage(message: Message): ChatMessage {
  const fields = KEPT.filter((key) => message[key] !== undefined).map((key) => [key, message[key]]);
  const kept: ChatMessage = { role: message.role, ...Object.fromEntries(fields) };
  const skill = isObject(message.meta) ? message.meta.skills_create : undefined;
  if (message.role === 'user' && isObject(skill) && skill.original_text === message.content && skill.expanded_text) {
    kept.content = skill.expanded_text;
  }
  return kept;
}

/** Attached pictures become parts of the message, as models take them. */
function withImages(message: ChatMessage): ChatMessage {
  if (message.role !== 'user' || typeof message.content !== 'string' || !Array.isArray(message.files)) return message;
  const images = message.files.filter(isImage).map(({ url }) => ({ type: 'image_url', image_url: { url } }));
  if (images.length === 0) return message;
  return { ...message, content: [{ type: 'text', text: message.content }, ...images] };
}

function isImage(file: unknown): file is JsonObject & { url: string } {
  if (!isObject(file) || typeof file.url !== 'string' || file.url === '') return false;
  const kind = typeof file.content_type === 'string' ? file.content_type : '';
  if (kind.startsWith('image/svg')) return false;
  return file.type === 'image' || kind.startsWith('image/');
}
