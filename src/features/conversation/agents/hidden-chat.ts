import { randomUUID } from 'node:crypto';
import type { Transaction } from '../../../kernel/database/index.ts';
import type { User } from '../../../kernel/http/principal.ts';
import type { JsonObject } from '../../../kernel/json.ts';
import { type ChatHead, firstTurnDocument, insertChat } from '../../chats/index.ts';

/** Characters of its subject in the title of a hidden chat. */
const TITLE = 60;

/** A chat of the server's own: lists do not show it, its owner can open it by its address. */
export interface HiddenChat {
  user: User;
  kind: string;
  subject: string;
  meta: JsonObject;
  model: string;
  /** The question in it. */
  content: string;
  files?: JsonObject[];
  /** The reply to it, where one is to be written. */
  reply: { id: string; model: string; taskId: string } | null;
}

export async function insertHiddenChat(
  tx: Transaction,
  hidden: HiddenChat,
): Promise<{ chat: ChatHead; questionId: string }> {
  const { user, kind, subject, model, content, files = [], reply } = hidden;
  const [id, questionId] = [randomUUID(), randomUUID()];
  const userMessage = { id: questionId, content, models: [model], ...(files.length > 0 && { files }) };
  const turn = { author: { id: user.id, name: user.name }, userMessage, replies: reply ? [reply] : [] };
  const title = `${kind}: ${[...subject.replace(/\s+/g, ' ').trim()].slice(0, TITLE).join('')}`;
  const document = { ...firstTurnDocument(id, turn, [model], files), title };
  const { document: _, ...chat } = await insertChat(tx, {
    id,
    userId: user.id,
    document,
    meta: { ...hidden.meta, internal: true },
  });
  return { chat, questionId };
}
