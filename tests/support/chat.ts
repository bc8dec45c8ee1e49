import { randomUUID } from 'node:crypto';
import type { Account, Answer } from './client.ts';
import type { TestSocket } from './socket.ts';

interface Turn {
  model?: string;
  content?: string;
  /** An existing chat; default: the server makes one. */
  chatId?: string;
  /** The reply this turn follows. */
  parentId?: string | null;
  /** Title, tags and follow-ups are asked for too. */
  background?: boolean;
  /** Members on top of the request. */
  extra?: Record<string, unknown>;
  /** Default true: resolves when the reply is done. */
  wait?: boolean;
}

export interface SentTurn {
  answer: Answer;
  chatId: string;
  userId: string;
  replyId: string;
}

/** Sends a message the way the web client does. */
export async function sendTurn(account: Account, socket: TestSocket, turn: Turn = {}): Promise<SentTurn> {
  const { model = 'hello', content = 'Hi there', chatId, parentId = null, background = false, wait = true } = turn;
  const [userId, replyId] = [randomUUID(), randomUUID()];
  const tasks = { title_generation: true, tags_generation: true, follow_up_generation: true };
  const answer = await account.call('POST', '/api/chat/completions', {
    json: {
      stream: true,
      model,
      messages: [{ role: 'user', content }],
      params: {},
      tool_servers: [],
      features: { image_generation: false, code_interpreter: false, web_search: false },
      variables: {},
      session_id: socket.id,
      ...(chatId ? { chat_id: chatId } : {}),
      id: replyId,
      parent_id: parentId,
      user_message: {
        id: userId,
        parentId,
        childrenIds: [replyId],
        role: 'user',
        content,
        timestamp: Math.floor(Date.now() / 1_000),
        models: [model],
      },
      background_tasks: background ? tasks : {},
      ...turn.extra,
    },
  });
  const created = (answer.body as { chat_id?: string } | null)?.chat_id;
  if (wait && answer.status === 200) await socket.done(replyId);
  return { answer, chatId: created ?? chatId ?? '', userId, replyId };
}
