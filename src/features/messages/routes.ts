import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Incoming } from '../../kernel/egress/index.ts';
import { verified } from '../../kernel/http/access.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Dict } from '../../kernel/http/shapes.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import {
  baseId,
  type Call,
  type Caller,
  callOf,
  createSseReader,
  type ModelGate,
  openNative,
  type ProviderKit,
  passOn,
  type Relay,
} from '../providers/index.ts';
import { errorText, messageAnswer, messageError } from './answer.ts';
import { chatRequest } from './request.ts';
import { createMessageWriter } from './stream.ts';

export interface MessagesDeps {
  kit: ProviderKit;
  gate: Pick<ModelGate, 'row' | 'check'>;
  /** A completion for an API client: whole, or the provider's stream. */
  complete(asked: { user: User; body: JsonObject; caller: Caller; signal: AbortSignal }): Promise<JsonObject | Relay>;
}

/** The Messages API (providers note, 7.2): any model by way of chat completions, Anthropic's own as they are. */
export function messagesRoutes(deps: MessagesDeps): Route[] {
  return ['/api/v1/messages', '/api/message'].flatMap((url) => [
    route({
      method: 'POST',
      url,
      access: verified,
      body: Dict(),
      tag: 'messages',
      handler: async (input) => {
        const call = callOf(input);
        const native = await nativeTarget(deps, input.body);
        if (native) {
          await deps.gate.check(input.user, native.asked);
          return passOn(input.reply, await openNative(deps.kit, native, 'messages', input.body, call));
        }
        return converted(deps, input.body, call, input.reply);
      },
    }),
    route({
      method: 'POST',
      url: `${url}/count_tokens`,
      access: verified,
      body: Dict(),
      tag: 'messages',
      handler: async (input) => {
        const { model } = input.body;
        if (typeof model !== 'string' || model === '') throw new HttpError(400, 'model is required');
        await deps.gate.check(input.user, model);
        const target = await targetOf(deps, model);
        if (!target) throw new HttpError(404, "Model '' was not found");
        return countTokens(deps, target, input.body, callOf(input));
      },
    }),
  ]);
}

interface Target {
  /** The id that was asked for. */
  asked: string;
  id: string;
}

async function targetOf({ kit, gate }: MessagesDeps, asked: string): Promise<Target | null> {
  const id = await baseId(gate, asked);
  return (await kit.registry.offer()).openai.has(id) ? { asked, id } : null;
}

/** The model, when its connection speaks the Messages API itself. */
async function nativeTarget(deps: MessagesDeps, { model }: JsonObject): Promise<Target | null> {
  const target = typeof model === 'string' ? await targetOf(deps, model) : null;
  const entry = target && (await deps.kit.registry.offer()).openai.get(target.id);
  if (!target || !entry) return null;
  const { url, provider } = deps.kit.openaiConnection(entry);
  return url.includes('api.anthropic.com') || provider === 'litellm' ? target : null;
}

async function countTokens({ kit }: MessagesDeps, target: Target, body: JsonObject, call: Call): Promise<JsonObject> {
  let answer: Incoming;
  try {
    answer = await openNative(kit, target, 'messages/count_tokens', body, call);
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    // A refusal is told as ours here.
    if (error.body !== undefined) throw new HttpError(error.status, error.body, { cause: error });
    throw new HttpError(502, detail.SERVER_CONNECTION_ERROR, { cause: error });
  }
  const counted = await answer.json().catch(() => null);
  const tokens = isObject(counted) ? counted.input_tokens : null;
  if (typeof tokens === 'number' && Number.isInteger(tokens) && tokens >= 0) return { input_tokens: tokens };
  throw new HttpError(502, 'Invalid token-count response from upstream provider');
}

async function converted(deps: MessagesDeps, body: JsonObject, call: Call, reply: FastifyReply): Promise<unknown> {
  const model = typeof body.model === 'string' ? body.model : '';
  try {
    const passes = await passedMembers(deps, model);
    const asked = {
      user: call.user,
      body: chatRequest(body, passes),
      caller: call.caller ?? { credential: null },
      signal: call.signal,
    };
    const answer = await deps.complete(asked);
    if (!isRelay(answer)) return messageAnswer(answer, model);
    reply.headers({ 'cache-control': 'no-cache', 'x-accel-buffering': 'no' }).type('text/event-stream');
    reply.raw.once('close', () => answer.body.destroy());
    return reply.send(Readable.from(events(answer.body, model), { objectMode: false }));
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    const shown = messageError(error.status, error.body ?? error.detail);
    throw new HttpError(error.status, errorText(error.detail), {
      body: shown,
      cause: error,
      ...(error.headers && { headers: error.headers }),
    });
  }
}

function isRelay(answer: JsonObject | Relay): answer is Relay {
  return answer.body instanceof Readable;
}

async function* events(source: Readable, model: string): AsyncGenerator<string> {
  const writer = createMessageWriter(model);
  const reader = createSseReader();
  yield writer.start();
  try {
    for await (const bytes of source as AsyncIterable<Buffer>) {
      const text = reader.push(bytes).map(writer.write).join('');
      if (text !== '') yield text;
      if (reader.done) break;
    }
    yield reader.end().map(writer.write).join('') + writer.end();
  } catch {
    yield writer.fail('Chat completion stream failed');
  } finally {
    source.destroy();
  }
}

/** Members of the request that its connection takes although nobody here knows them. */
async function passedMembers({ kit, gate }: MessagesDeps, model: string): Promise<(name: string) => boolean> {
  const entry = (await kit.registry.offer()).openai.get(await baseId(gate, model));
  const listed: unknown = entry ? kit.openaiConnection(entry).config.passthrough_params : [];
  const names = new Set(
    typeof listed === 'string' ? listed.split(',').map((name) => name.trim()) : Array.isArray(listed) ? listed : [],
  );
  return (name) => names.has('*') || names.has(name);
}
