import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { TurnContext } from '../turn/turn.ts';
import { type Draft, providerEntry } from './draft.ts';
import { type ChatMessage, isTextPart } from './messages.ts';

/** Whether the model is offered the server's own tools: somebody sits at a socket, and nothing speaks against it (note 3). */
export function usesBuiltInTools({ turn, model }: Pick<Draft, 'turn' | 'model'>): boolean {
  if (turn.chat?.meta.internal === true && turn.chat.meta.type === 'note') return true;
  if (turn.sessionId === null || turn.settings.functionCalling === 'legacy') return false;
  return hasCapability(model, 'builtin_tools', true);
}

/** What `info.meta.capabilities` of a model says. */
export function hasCapability(model: Draft['model'], name: string, otherwise: boolean): boolean {
  const info = isObject(model.entry.info) ? model.entry.info : {};
  const meta = isObject(info.meta) ? info.meta : {};
  const value = isObject(meta.capabilities) ? meta.capabilities[name] : undefined;
  return value === undefined || value === null ? otherwise : Boolean(value);
}

/** Tells the model which files came with the messages of the user, so that it can read them with its tools (note 3.5). */
export function nameAttachedFiles(draft: Draft): void {
  if (draft.turn.request.bringsTools || !isOwnChat(draft.turn) || !usesBuiltInTools(draft)) return;
  draft.messages = draft.messages.map(withFileList);
}

function isOwnChat({ chat, user }: TurnContext): boolean {
  return chat === null || chat.user_id === user.id;
}

function withFileList(message: ChatMessage): ChatMessage {
  if (message.role !== 'user' || !Array.isArray(message.files)) return message;
  const tags = message.files.filter(isObject).flatMap(fileTag);
  if (tags.length === 0) return message;
  const list = `<attached_files>\n${tags.join('\n')}\n</attached_files>\n\n`;
  const { content } = message;
  if (!Array.isArray(content)) return { ...message, content: `${list}${typeof content === 'string' ? content : ''}` };
  const first = content.findIndex(isTextPart);
  if (first < 0) return { ...message, content: [{ type: 'text', text: list }, ...content] };
  return {
    ...message,
    content: content.map((part, at) => (at === first && isTextPart(part) ? { ...part, text: list + part.text } : part)),
  };
}

function fileTag(file: JsonObject): string[] {
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);
  const chat = file.type === 'chat';
  const url = chat ? undefined : text(file.url);
  const id = text(file.id) ?? url;
  if (url?.startsWith('data:') || (chat ? id === undefined : url === undefined)) return [];
  const attributes = { type: text(file.type), id, url, content_type: text(file.content_type), name: text(file.name) };
  const written = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}="${escapeAttribute(value)}"`],
  );
  return [`<file ${written.join(' ')}/>`];
}

function escapeAttribute(value: string): string {
  return value.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

/** The key under which the provider of a model takes thoughts back. */
export function thoughtKey(model: Draft['model']): 'thinking' | 'reasoning_content' | null {
  const entry = providerEntry(model);
  if (entry.owned_by === 'ollama') return 'thinking';
  return entry.provider === 'llama.cpp' ? 'reasoning_content' : null;
}
