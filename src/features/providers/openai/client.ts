import { Readable } from 'node:stream';
import type { Egress, Incoming } from '../../../kernel/egress/index.ts';
import { HttpError } from '../../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Settings } from '../../../kernel/settings/index.ts';
import type { Connection } from '../connections.ts';
import { brokenPart, connectionError, type Failure, failurePart, ProviderError, shownOf } from '../failures.ts';
import { gathered } from '../gathered.ts';
import { createGeminiWriter, geminiCompletion, isGeminiAnswer } from '../gemini/answer.ts';
import { isGemini } from '../gemini/list.ts';
import { geminiRequest } from '../gemini/request.ts';
import type { HeaderBuilder } from '../headers.ts';
import type { Part } from '../part.ts';
import type { Choice, Problem, Resilience, Tries } from '../resilience.ts';
import type { Call, ModelEntry, Relay } from '../types.ts';
import { type Target, targetOf } from './address.ts';
import { createChunkReader, wholeParts } from './chunks.ts';
import { chatPayload } from './payload.ts';
import { responsesBody, responsesCompletion } from './responses-body.ts';
import { createSseReader } from './sse.ts';

export interface ClientDeps {
  egress: Pick<Egress, 'request'>;
  settings: Pick<Settings, 'get'>;
  headers: HeaderBuilder;
  resilience: Pick<Resilience, 'begin'>;
  /** The connection and others with the same model, in the order in which they are asked. */
  choices: (connection: Connection, entry: ModelEntry) => Choice<ModelEntry>[];
  /** Told of every refusal and of every connection that failed. */
  failed: (connection: Connection, model: string | null, problem: Failure | unknown, call: Call) => void;
}

/** Chat completions at OpenAI-compatible connections. */
export interface OpenaiClient {
  stream(connection: Connection, entry: ModelEntry, body: JsonObject, call: Call): AsyncIterable<readonly Part[]>;
  complete(connection: Connection, entry: ModelEntry, body: JsonObject, call: Call): Promise<JsonObject>;
  relay(connection: Connection, entry: ModelEntry, body: JsonObject, call: Call): Promise<Relay>;
  /** The head of an answer that is no refusal, streamed or not as the request says. Throws HttpError. */
  open(connection: Connection, entry: ModelEntry, body: JsonObject, call: Call): Promise<Incoming>;
  /** Like `open`, for other paths than chat completions. */
  post(connection: Connection, model: string | null, target: Target, call: Call): Promise<Incoming>;
  /** Like `open`, for a request that is passed on as it came. */
  pass(
    connection: Connection,
    model: string | null,
    request: RawRequest,
    call: Call,
    isStreamed?: boolean,
  ): Promise<Incoming>;
}

/** A request to pass on. */
export interface RawRequest {
  method: string;
  url: string;
  body: string | Buffer | undefined;
  headers: Record<string, string>;
}

/** Bytes of a refusal, and of a whole answer, that are read at most. */
const FAILURE_BYTES = 4 * 1024 * 1024;
const ANSWER_BYTES = 256 * 1024 * 1024;

export function createOpenaiClient(deps: ClientDeps): OpenaiClient {
  const { egress, settings, resilience } = deps;

  async function send(
    { current, signal }: Tries<ModelEntry | null>,
    { method, url, body, headers }: RawRequest,
    call: Call,
    isStreamed: boolean,
  ): Promise<Incoming> {
    const idle = isStreamed ? settings.get('AIOHTTP_CLIENT_STREAM_IDLE_TIMEOUT') : null;
    return egress.request(url, {
      method,
      headers: { ...(await deps.headers(current.connection, call, true)), ...headers },
      ...(body !== undefined && { body }),
      signal,
      ...(idle !== null && { idleMs: idle * 1_000 }),
    });
  }

  /** Asks until there is a good answer or nothing more to try. Gives the head of the answer, or throws the last refusal. */
  async function ask<Entry extends ModelEntry | null>(
    choices: readonly Choice<Entry>[],
    requestFor: (choice: Choice<Entry>) => RawRequest,
    model: string | null,
    call: Call,
    isStreamed: boolean,
  ): Promise<{ answer: Incoming; connection: Connection }> {
    const tries = resilience.begin(choices, call.signal);
    for (;;) {
      const { connection } = tries.current;
      let failure: Failure | null = null;
      let problem: unknown;
      try {
        const answer = await send(tries, requestFor(tries.current), call, isStreamed);
        if (answer.status < 400) {
          tries.answered();
          return { answer, connection };
        }
        failure = await readFailure(connection, answer);
      } catch (error) {
        if (error instanceof HttpError) throw error;
        if (call.signal.aborted) throw call.signal.reason;
        problem = error;
      }
      deps.failed(connection, model, failure ?? problem, call);
      if (await tries.again(failure ?? { error: problem })) continue;
      throw failure ? new ProviderError(failure) : connectionError(problem);
    }
  }

  async function pass(
    connection: Connection,
    model: string | null,
    request: RawRequest,
    call: Call,
    isStreamed = false,
  ): Promise<Incoming> {
    return (await ask([{ connection, entry: null }], () => request, model, call, isStreamed)).answer;
  }

  const post = (connection: Connection, model: string | null, target: Target, call: Call) =>
    pass(connection, model, rawOf(target), call, target.body.stream === true);

  function chatTarget(connection: Connection, entry: ModelEntry, body: JsonObject, call: Call): Target {
    const { metadata, user } = call;
    const payload = chatPayload({ connection, entry, body, metadata, user });
    if (isGemini(connection)) return geminiTarget(connection, payload);
    const target = targetOf(connection, 'chat/completions', payload);
    if (!usesResponses(connection)) return target;
    // Azure's classic endpoint has the model in its address, which the body does not repeat.
    return { ...targetOf(connection, 'responses', payload), body: responsesBody(target.body) };
  }

  async function* stream(
    connection: Connection,
    entry: ModelEntry,
    body: JsonObject,
    call: Call,
  ): AsyncGenerator<readonly Part[]> {
    const lineLimit = settings.get('CHAT_STREAM_RESPONSE_CHUNK_MAX_BUFFER_SIZE');
    let tries: Tries<ModelEntry>;
    try {
      tries = resilience.begin(deps.choices(connection, entry), call.signal);
    } catch (error) {
      yield [refusedPart(error)];
      return;
    }
    for (;;) {
      const { current } = tries;
      let answer: Incoming | null = null;
      let started = false;
      let last: Part;
      let problem: Problem;
      try {
        const target = chatTarget(current.connection, current.entry, { ...body, stream: true }, call);
        answer = await send(tries, rawOf(target), call, true);
        if (answer.status < 400) {
          if (!isStream(answer)) yield wholeParts(wholeOf(current.connection, await jsonOf(answer)));
          else {
            for await (const parts of readStream(answer, lineLimit, call.rest)) {
              if (!started) tries.answered();
              started = true;
              yield parts;
            }
          }
          tries.answered();
          return;
        }
        const failure = await readFailure(current.connection, answer);
        [problem, last] = [failure, failurePart(failure)];
        deps.failed(current.connection, entry.id, failure, call);
      } catch (error) {
        if (call.signal.aborted) throw call.signal.reason;
        if (error instanceof HttpError) {
          yield [refusedPart(error)];
          return;
        }
        [problem, last] = [{ error }, brokenPart(error, started)];
        deps.failed(current.connection, entry.id, error, call);
      } finally {
        answer?.discard();
      }
      // What was shown cannot be taken back: only an answer that has not begun is asked for again.
      if (!started && (await tries.again(problem))) continue;
      yield [last];
      return;
    }
  }

  async function open(connection: Connection, entry: ModelEntry, body: JsonObject, call: Call) {
    const found = await ask(
      deps.choices(connection, entry),
      (choice) => rawOf(chatTarget(choice.connection, choice.entry, body, call)),
      entry.id,
      call,
      body.stream === true,
    );
    if (!isGemini(found.connection) || !isStream(found.answer)) return found;
    return { ...found, answer: { ...found.answer, body: chunkFrames(found.answer, entry.id) } };
  }

  return {
    stream,
    open: async (connection, entry, body, call) => (await open(connection, entry, body, call)).answer,
    post,
    pass,
    async complete(connection, entry, body, call) {
      const { answer, connection: used } = await open(connection, entry, { ...body, stream: false }, call);
      try {
        const value = await jsonOf(answer);
        const whole = wholeOf(used, value);
        if (isObject(whole)) return whole;
        throw connectionError(new Error('the provider answered no JSON object'), 502);
      } catch (error) {
        if (error instanceof HttpError) throw error;
        if (call.signal.aborted) throw call.signal.reason;
        throw connectionError(error, answer.status);
      }
    },
    async relay(connection, entry, body, call) {
      const { answer } = await open(connection, entry, { ...body, stream: true }, call);
      return { status: answer.status, headers: relayHeaders(answer.headers), body: answer.body as Readable };
    },
  };
}

/** Whether chats go to the Responses API of the connection. */
export function usesResponses({ config }: Connection): boolean {
  return config.api_type === 'responses';
}

/** A whole answer as a chat completion. */
export function wholeOf(connection: Connection, answer: unknown): unknown {
  if (!isObject(answer)) return answer;
  if (isGemini(connection)) return isGeminiAnswer(answer) ? geminiCompletion(answer, modelOf(answer)) : answer;
  return usesResponses(connection) && Array.isArray(answer.output) ? responsesCompletion(answer) : answer;
}

function modelOf({ modelVersion }: JsonObject): string {
  return typeof modelVersion === 'string' ? modelVersion : '';
}

function geminiTarget({ url }: Connection, payload: JsonObject): Target {
  const method = payload.stream === true ? 'streamGenerateContent?alt=sse' : 'generateContent';
  const model = encodeURIComponent(String(payload.model)).replaceAll('%2F', '/');
  return { url: `${url}/models/${model}:${method}`, body: geminiRequest(payload), headers: {} };
}

/** A stream of Gemini's own as one of chat completions. */
function chunkFrames(answer: Incoming, model: string): Readable {
  const lines = createSseReader();
  const writer = createGeminiWriter(model);
  async function* frames(): AsyncGenerator<string> {
    try {
      for await (const bytes of answer.body as AsyncIterable<Buffer>) {
        const text = lines.push(bytes).map(writer.write).join('');
        if (text !== '') yield text;
      }
      const text = lines.end().map(writer.write).join('');
      if (text !== '') yield text;
    } finally {
      answer.discard();
    }
  }
  return Readable.from(frames(), { objectMode: false });
}

/** A request that did not even go out. */
function refusedPart(error: unknown): Part {
  if (error instanceof HttpError) return { type: 'error', status: error.status, error: error.detail };
  throw error;
}

function rawOf({ url, body, headers }: Target): RawRequest {
  return { method: 'POST', url, body: JSON.stringify(body), headers };
}

/** Headers of a provider that are passed on with its body. */
export function relayHeaders(headers: Record<string, string>): Record<string, string> {
  const {
    'content-encoding': _encoding,
    'content-length': _length,
    'transfer-encoding': _transfer,
    connection: _connection,
    'keep-alive': _alive,
    server: _server,
    date: _date,
    'set-cookie': _cookie,
    ...rest
  } = headers;
  return rest;
}

export function isStream(answer: Incoming): boolean {
  return /text\/event-stream|application\/x-ndjson/i.test(answer.headers['content-type'] ?? '');
}

/** Parts of a stream as they arrive, one array per read that has any. */
export async function* readStream(
  answer: Incoming,
  lineLimit: number | null,
  rest: Call['rest'],
): AsyncGenerator<readonly Part[]> {
  const lines = createSseReader(lineLimit);
  const chunks = createChunkReader();
  const partsOf = (values: readonly unknown[]): Part[] => {
    const parts: Part[] = [];
    for (const value of values) chunks.read(value, parts);
    return parts;
  };
  for await (const bytes of gathered(answer.body, rest)) {
    const parts = partsOf(lines.push(bytes));
    if (parts.length > 0) yield parts;
    if (lines.done) return;
  }
  const parts = partsOf(lines.end());
  if (parts.length > 0) yield parts;
}

/** JSON whatever the declared content type; a text that is none is refused. */
async function jsonOf(answer: Incoming): Promise<unknown> {
  return JSON.parse(await answer.text(ANSWER_BYTES)) as unknown;
}

/** Reads a refusal; the connection's key is not shown to anybody. */
export async function readFailure(connection: Connection, answer: Incoming): Promise<Failure> {
  const raw = await answer.text(FAILURE_BYTES);
  const text = connection.key.length >= 8 ? raw.replaceAll(connection.key, '***') : raw;
  const headers: Record<string, string> = {};
  for (const name of ['retry-after', 'retry-after-ms']) {
    const value = answer.headers[name];
    if (value !== undefined) headers[name] = value;
  }
  const { status } = answer;
  try {
    return { status, body: JSON.parse(text) as unknown, headers };
  } catch {
    if (!isStream(answer)) return { status, body: text, headers };
  }
  const lines = createSseReader();
  const [first] = [...lines.push(Buffer.from(text)), ...lines.end()];
  const body = { error: { message: text, code: status } };
  return { status, body, headers, ...(first !== undefined && { shown: shownOf({ status, body: first, headers }) }) };
}
