import type { User } from '../../../kernel/http/principal.ts';
import type { Realtime } from '../../../kernel/realtime/index.ts';
import type { Message } from '../../chats/index.ts';
import type { EventSink } from '../../configuration/index.ts';
import type { Place } from './place.ts';

interface AnnounceDeps {
  realtime: Pick<Realtime, 'emit' | 'socketsIn'>;
  events: EventSink;
}

const PREVIEW_LENGTH = 300;

/** Tells of a turn that has its place now: sidebars, others who have the chat open, product events (note 1.3 and 1.4). */
export function announceTurn(deps: AnnounceDeps, user: User, place: Place): void {
  const { chat, placed, userMessageId, columns, isNew } = place;
  const { realtime, events } = deps;
  if (!placed) return;
  const subject = { type: 'chat', id: chat.id };
  if (isNew) events.publish('chat.created', { actor: user, subject, data: { chat_id: chat.id, title: chat.title } });
  else shareMessages(deps, user, place);
  realtime.emit({ rooms: [`user:${user.id}`] }, 'events', {
    chat_id: chat.id,
    message_id: userMessageId ?? columns[0]?.id ?? null,
    data: { type: 'chat:list', data: { chat_id: chat.id, folder_id: chat.folder_id } },
  });
  const question = userMessageId === null ? undefined : placed.messages[userMessageId];
  if (question) events.publish('message.created', { actor: user, subject, data: createdData(chat.id, question) });
  for (const { id } of columns) {
    const reply = placed.messages[id];
    if (reply) events.publish('message.created', { actor: user, subject, data: createdData(chat.id, reply) });
  }
}

/** Others who have the chat open get the new messages; the author's tabs have them. */
function shareMessages({ realtime }: AnnounceDeps, user: User, { chat, placed, userMessageId, columns }: Place): void {
  const room = `chat:${chat.id}`;
  if (!placed || realtime.socketsIn(room).length === 0) return;
  const messages = Object.fromEntries(
    Object.entries(placed.messages).map(([id, { meta: _, ...message }]) => [id, message]),
  );
  realtime.emit({ rooms: [room], except: [`user:${user.id}`] }, 'events', {
    chat_id: chat.id,
    message_id: userMessageId ?? columns[0]?.id ?? null,
    user_id: user.id,
    shared: true,
    data: { type: 'chat:messages', data: { messages, currentId: placed.currentId } },
  });
}

function createdData(chatId: string, message: Message): Record<string, unknown> {
  const text = typeof message.content === 'string' ? message.content : '';
  return {
    chat_id: chatId,
    message_id: message.id,
    role: message.role,
    ...(message.role === 'user' ? { content_preview: text.slice(0, PREVIEW_LENGTH) } : {}),
  };
}
