import assert from 'node:assert/strict';
import type { Account } from './client.ts';
import type { ChatEvent, TestSocket } from './socket.ts';
import { until } from './wait.ts';

export interface StoredMessage {
  id: string;
  parentId: string | null;
  childrenIds: string[];
  role: string;
  content: string;
  done?: boolean;
  model?: string;
  modelIdx?: number | null;
  output?: { type: string; status: string; content?: { text: string }[] }[];
  error?: { content: string } | null;
  usage?: Record<string, number>;
  meta?: Record<string, unknown>;
}

/** The messages of a chat as a client reads them. */
export async function messagesOf(account: Account, chatId: string): Promise<Record<string, StoredMessage>> {
  const { chat } = await account.ok<{ chat: { history: { messages: Record<string, StoredMessage> } } }>(
    'GET',
    `/api/v1/chats/${chatId}`,
  );
  return chat.history.messages;
}

export async function replyOf(account: Account, chatId: string, replyId: string): Promise<StoredMessage> {
  const message = (await messagesOf(account, chatId))[replyId];
  assert.ok(message, 'the reply is not in the chat');
  return message;
}

/** The text a socket was sent of a reply, piece by piece. */
export function deltasOf(socket: TestSocket, replyId: string): string[] {
  return socket
    .events(replyId)
    .filter(({ data }) => data.type === 'response:completion')
    .map(({ data }) => (data.data as { delta?: string }).delta ?? '');
}

export function textOf(socket: TestSocket, replyId: string): string {
  return deltasOf(socket, replyId).join('');
}

/** Waits until nothing runs in the chat any more. */
export async function settled(account: Account, chatId: string): Promise<void> {
  await until(
    async () => {
      const { task_ids } = await account.ok<{ task_ids: string[] }>('GET', `/api/tasks/chat/${chatId}`);
      return task_ids.length === 0;
    },
    { what: 'the end of all tasks of the chat' },
  );
}

/** Resolves with the first event of the kind for a message. */
export async function eventOf(socket: TestSocket, messageId: string, type: string): Promise<ChatEvent> {
  const found = await socket.wait((name, event) => {
    const { message_id, data } = event as ChatEvent;
    return name === 'events' && message_id === messageId && data.type === type;
  });
  return found[1] as ChatEvent;
}

/** What `gate-N` says before it waits, and then all of it. */
export function gateText(count: number): { first: string; all: string } {
  const words = 'alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu'.split(' ');
  const text = (length: number) => Array.from({ length }, (_, i) => `${words[i % words.length]}${i} `).join('');
  return { first: text(count), all: text(2 * count).trim() };
}
