import type { Account } from './client.ts';

/** 2020-09-13; stored times are fixed so that lists have one order. */
export const T0 = 1_600_000_000;

type Line = [role: 'user' | 'assistant', content: unknown, extra?: Record<string, unknown>];

/** A chat document of one branch; its messages are m1, m2, … */
export function chatDocument(title: string, lines: Line[] = [], extra: Record<string, unknown> = {}) {
  const messages: Record<string, Record<string, unknown>> = {};
  const given: Line[] =
    lines.length > 0
      ? lines
      : [
          ['user', 'Hi'],
          ['assistant', 'Hello'],
        ];
  let parentId: string | null = null;
  for (const [index, [role, content, more]] of given.entries()) {
    const id = `m${index + 1}`;
    const parts = role === 'assistant' ? { model: 'hello', done: true } : { models: ['hello'] };
    messages[id] = { id, parentId, childrenIds: [], role, content, timestamp: T0 + index * 10, ...parts, ...more };
    const parent = parentId === null ? undefined : messages[parentId];
    if (parent) (parent.childrenIds as string[]).push(id);
    parentId = id;
  }
  return { title, models: ['hello'], params: {}, history: { messages, currentId: parentId }, files: [], ...extra };
}

interface Imported {
  chat: Record<string, unknown>;
  meta?: Record<string, unknown>;
  pinned?: boolean;
  archived?: boolean;
  folder_id?: string;
  variables?: Record<string, unknown>;
}

/** Imports chats with fixed times, the last is the newest; ids by title. */
export async function importChats(account: Account, chats: Imported[]): Promise<Record<string, string>> {
  const form = chats.map((chat, index) => ({ created_at: T0 + index, updated_at: T0 + 100 + index, ...chat }));
  const stored = await account.ok<{ id: string; title: string }[]>('POST', '/api/v1/chats/import', {
    json: { chats: form },
  });
  return Object.fromEntries(stored.map((chat) => [chat.title, chat.id]));
}

/** Lets everybody share in a way the default permissions do not. */
export async function allow(admin: Account, change: (permissions: Permissions) => void): Promise<void> {
  const path = '/api/v1/users/default/permissions';
  const permissions = await admin.ok<Permissions>('GET', path);
  change(permissions);
  await admin.ok('POST', path, { json: permissions });
}

type Permissions = Record<string, Record<string, boolean>>;
