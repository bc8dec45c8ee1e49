import { Readable } from 'node:stream';
import { HttpError } from '../../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { DirectChannel, EventCaller } from '../../live/index.ts';
import {
  type Call,
  createChunkReader,
  createSseReader,
  type ModelEntry,
  type Part,
  type Providers,
} from '../../providers/index.ts';

/** Asking models at all: the providers' for models of the server, the browser's for those whose connection it holds. */
export type ModelCalls = Pick<Providers, 'stream' | 'complete' | 'relay'>;

/** What is needed of live connections. */
export interface Tabs {
  caller(target: { userId: string; chatId: string; messageId: string; sessionId: string }): EventCaller;
  openChannel(userId: string, sessionId: string): DirectChannel;
}

const GONE = 'Client session disconnected.';

/** Sends requests for direct models to the tab that asked, all others to the providers (providers note, 1.4). */
export function withDirectModels(providers: ModelCalls, tabs: Tabs): ModelCalls {
  return {
    stream: (entry, body, call) =>
      entry.direct === true ? partsOf(entry, body, call, tabs) : providers.stream(entry, body, call),
    complete: async (entry, body, call) =>
      entry.direct === true ? completion(entry, body, call, tabs) : providers.complete(entry, body, call),
    async relay(entry, body, call) {
      if (entry.direct !== true) return providers.relay(entry, body, call);
      const channel = await openStream(entry, body, call, tabs);
      return {
        status: 200,
        headers: { 'content-type': 'text/event-stream' },
        body: Readable.from(channel.lines(), { objectMode: false }),
      };
    },
  };
}

async function* partsOf(entry: ModelEntry, body: JsonObject, call: Call, tabs: Tabs): AsyncGenerator<readonly Part[]> {
  try {
    const channel = await openStream(entry, body, call, tabs);
    const [lines, chunks] = [createSseReader(), createChunkReader()];
    for await (const line of channel.lines()) {
      const parts: Part[] = [];
      for (const value of lines.push(Buffer.from(line))) chunks.read(value, parts);
      if (parts.length > 0) yield parts;
      if (lines.done) return;
    }
  } catch (error) {
    if (call.signal.aborted) throw call.signal.reason;
    const text = error instanceof HttpError ? error.detail : GONE;
    yield [{ type: 'error', status: null, error: text }];
  }
}

/** Asks the tab to stream into a channel; throws what it refused with. */
async function openStream(entry: ModelEntry, body: JsonObject, call: Call, tabs: Tabs): Promise<DirectChannel> {
  const sessionId = sessionOf(call);
  const channel = tabs.openChannel(call.user.id, sessionId);
  try {
    const ack = await ask({ entry, body: { ...body, stream: true }, channel: channel.channel }, call, tabs);
    if (!isObject(ack) || ack.status !== true) throw refusal(ack);
    return channel;
  } catch (error) {
    channel.close();
    throw error;
  }
}

async function completion(entry: ModelEntry, body: JsonObject, call: Call, tabs: Tabs): Promise<JsonObject> {
  const channel = `${call.user.id}:${sessionOf(call)}:${crypto.randomUUID()}`;
  const ack = await ask({ entry, body: { ...body, stream: false }, channel }, call, tabs);
  if (!isObject(ack) || (ack.error !== undefined && ack.error !== null)) throw refusal(ack);
  return ack;
}

interface Asked {
  entry: ModelEntry;
  body: JsonObject;
  channel: string;
}

function ask({ entry, body, channel }: Asked, call: Call, tabs: Tabs): Promise<unknown> {
  const { chat_id: chatId, message_id: messageId } = call.metadata;
  const sessionId = sessionOf(call);
  const caller = tabs.caller({ userId: call.user.id, chatId: text(chatId), messageId: text(messageId), sessionId });
  const data = { form_data: body, model: entry, channel, session_id: sessionId };
  return caller.call('request:chat:completion', data, { signal: call.signal });
}

function sessionOf({ metadata }: Call): string {
  const sessionId = text(metadata.session_id);
  if (sessionId === '') throw new HttpError(400, 'A model whose connection the browser holds needs a session_id.');
  return sessionId;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** What the tab, or its provider, said instead of an answer. */
function refusal(ack: unknown): HttpError {
  const said = isObject(ack) ? (ack.error ?? ack.detail ?? ack) : ack;
  const shown = isObject(said) && typeof said.message === 'string' ? said.message : said;
  return new HttpError(400, shown ?? GONE, { code: 'direct.refused' });
}
