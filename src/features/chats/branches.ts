import { HttpError, notFound } from '../../kernel/http/errors.ts';
import { type ChatDocument, isObject, type Message, type Messages, messagesOf } from './document.ts';

/** What a fork starts from. */
interface ForkSource {
  id: string;
  title: string;
  document: ChatDocument;
  messages: Messages;
  /** The message the new chat ends with. */
  from: string | null | undefined;
}

const EMPTY = 'chat has no messages to fork';

/** A chat of the single branch that ends with a message; ids stay (chats note, 2.8). */
export function forkDocument({ id, title, document, messages, from }: ForkSource): {
  document: ChatDocument;
  from: string;
} {
  if (!from || Object.keys(messages).length === 0) throw new HttpError(400, EMPTY);
  const branch = branchOf(messages, from);
  const told = messagesOf(document);
  const copied = branch.map((message, index) => copyOf(message, told[message.id], branch[index + 1]?.id));
  const { currentId: _current, share_mode: _mode, ...rest } = document;
  return {
    from,
    document: {
      ...structuredClone(rest),
      originalChatId: id,
      branchPointMessageId: from,
      title: `${title} (fork)`,
      history: { messages: Object.fromEntries(copied.map((message) => [message.id, message])), currentId: from },
      messages: copied,
    },
  };
}

function branchOf(messages: Messages, from: string): Message[] {
  const branch: Message[] = [];
  const seen = new Set<string>();
  for (let id: string | null | undefined = from; typeof id === 'string' && id !== ''; ) {
    if (seen.has(id)) throw new HttpError(400, 'message branch contains a cycle');
    seen.add(id);
    const message: Message | undefined = messages[id];
    if (!message) throw notFound('message not found');
    branch.push({ ...message, id });
    id = message.parentId;
  }
  return branch.reverse();
}

/** States of a tool call that waits for somebody; a reply with one stays unfinished. */
const WAITING = new Set(['pending', 'queued', 'requires_approval']);

function copyOf(message: Message, told: Message | undefined, childId: string | undefined): Message {
  const copy: Message = { ...structuredClone(message), childrenIds: childId === undefined ? [] : [childId] };
  if (told?.user && told.user.id === message.user_id) copy.user = { ...told.user };
  if (message.role === 'assistant' && message.done === false && !waits(message.output)) copy.done = true;
  return copy;
}

function waits(output: unknown): boolean {
  return (
    Array.isArray(output) &&
    output.some((item) => isObject(item) && item.type === 'function_call' && WAITING.has(String(item.status)))
  );
}
