import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { CallError } from './call-error.ts';

/** What a client may send, and with exactly which members besides `type` (providers note, 15.2). */
const COMMANDS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'bridge.ping': [[]],
  'input_audio_buffer.append': [['audio']],
  'input_audio_buffer.commit': [[]],
  'input_audio_buffer.clear': [[]],
  'response.cancel': [['response_id']],
  'conversation.item.truncate': [['item_id', 'content_index', 'audio_end_ms']],
  'bridge.context': [['messages']],
  'bridge.respond': [['item_id'], ['call_id']],
  'bridge.result': [['call_id', 'status', 'answer']],
  'bridge.status': [['status']],
  'bridge.animation.result': [['call_id', 'status']],
  'bridge.animation.respond': [['response_id']],
};

/** Characters one message of a client may have. */
export const COMMAND_LENGTH = 512 * 1024;
const SECOND_BYTES = 48_000;
const MESSAGES = 100;
const MESSAGE_LENGTH = 32_000;
const HISTORY_LENGTH = 64_000;

/** A command of a client. Throws the CallError for anything else. */
export function readCommand(text: string): JsonObject & { type: string } {
  if (text.length > COMMAND_LENGTH) throw new CallError('Call event is too large');
  const value = parse(text);
  if (!isObject(value)) throw new CallError('Invalid call command');
  const { type } = value;
  const forms = typeof type === 'string' && Object.hasOwn(COMMANDS, type) ? (COMMANDS[type] ?? []) : [];
  const keys = Object.keys(value).filter((key) => key !== 'type');
  const fits = forms.some((form) => form.length === keys.length && form.every((key) => keys.includes(key)));
  if (!fits || typeof type !== 'string') throw new CallError('Unsupported call command');
  return { ...value, type };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CallError('Invalid call command', { cause });
  }
}

/** Bytes of microphone samples in base64: whole samples, a second at most. */
export function audioBytes(audio: unknown): number {
  const bytes = typeof audio === 'string' ? base64Bytes(audio) : 0;
  if (bytes < 1 || bytes > SECOND_BYTES || bytes % 2 !== 0) throw new CallError('Invalid microphone audio');
  return bytes;
}

/** How many bytes a base64 text stands for; 0 for what is none. */
export function base64Bytes(text: string): number {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return 0;
  return (text.length / 4) * 3 - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);
}

/** The conversation as the client tells it. */
export function readHistory(messages: unknown): { role: string; content: string }[] {
  if (!Array.isArray(messages) || messages.length > MESSAGES) throw new CallError('Invalid call history');
  const read = messages.map((message: unknown) => {
    if (!isObject(message) || Object.keys(message).length !== 2) throw new CallError('Invalid history message');
    const { role, content } = message;
    const fits = (role === 'user' || role === 'assistant') && typeof content === 'string';
    if (!fits || content.length > MESSAGE_LENGTH) throw new CallError('Invalid history message');
    return { role, content };
  });
  const length = read.reduce((sum, { content }) => sum + content.length, 0);
  if (length > HISTORY_LENGTH) throw new CallError('Call history is too large');
  return read;
}
