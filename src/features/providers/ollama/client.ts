import { Readable } from 'node:stream';
import type { Incoming } from '../../../kernel/egress/index.ts';
import { detail, HttpError } from '../../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { type Connection, withoutPrefix } from '../connections.ts';
import { brokenPart, type Failure, failurePart } from '../failures.ts';
import { gathered } from '../gathered.ts';
import { type ClientDeps, readFailure } from '../openai/client.ts';
import { createSseReader } from '../openai/sse.ts';
import type { Part } from '../part.ts';
import type { Call, ModelEntry, Relay } from '../types.ts';
import { createChunkWriter, createOllamaReader, ollamaCompletion } from './answer.ts';
import { ollamaRequest } from './request.ts';

export interface OllamaDeps extends Omit<ClientDeps, 'choices'> {
  /** The servers that have a model, the best one first. */
  servers: (entry: ModelEntry) => Connection[];
}

/** Chat through Ollama's own protocol. */
export interface OllamaClient {
  stream(entry: ModelEntry, body: JsonObject, call: Call): AsyncIterable<readonly Part[]>;
  complete(entry: ModelEntry, body: JsonObject, call: Call): Promise<JsonObject>;
  relay(entry: ModelEntry, body: JsonObject, call: Call): Promise<Relay>;
  /** Posts to a server that has the model. Throws HttpError for a refusal. */
  post(entry: ModelEntry, path: string, bodyFor: (model: string) => JsonObject, call: Call): Promise<Incoming>;
  /** The same at given servers: the first one counts, the others are tried while nobody listens there. */
  send(servers: readonly Connection[], request: OllamaCall, call: Call): Promise<Incoming>;
}

/** One request to an Ollama server. */
export interface OllamaCall {
  method?: string;
  path: string;
  /** The model's id in our lists, for logs and events. */
  model: string | null;
  body: (connection: Connection) => JsonObject;
}

/** A refusal by an Ollama server: its `error`, with its status (providers note, 5). */
export function ollamaError(failure: Failure): HttpError {
  const error = isObject(failure.body) ? failure.body.error : undefined;
  const shown = error === undefined || error === null ? detail.SERVER_CONNECTION_ERROR : error;
  return new HttpError(failure.status, shown, { code: 'provider.refused', headers: failure.headers });
}

/** No server could be reached. */
export function ollamaUnreachable(cause: unknown): HttpError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new HttpError(500, `Ollama: ${message}`, { code: 'provider.unreachable', cause });
}

export function createOllamaClient(deps: OllamaDeps): OllamaClient {
  const { egress, settings, resilience } = deps;

  async function send(servers: readonly Connection[], request: OllamaCall, call: Call): Promise<Incoming> {
    if (servers.length === 0) throw ollamaUnreachable(new Error('no server has the model'));
    const choices = servers.map((connection) => ({ connection, entry: null }));
    const tries = resilience.begin(choices, call.signal);
    for (;;) {
      const { connection } = tries.current;
      const body = request.body(connection);
      const idle = body.stream === true ? settings.get('AIOHTTP_CLIENT_STREAM_IDLE_TIMEOUT') : null;
      let failure: Failure | null = null;
      let problem: unknown;
      try {
        const answer = await egress.request(`${connection.url}${request.path}`, {
          method: request.method ?? 'POST',
          headers: await deps.headers(connection, call, true),
          body: JSON.stringify(body),
          signal: tries.signal,
          ...(idle !== null && { idleMs: idle * 1_000 }),
        });
        if (answer.status < 400) {
          tries.answered();
          return answer;
        }
        failure = await readFailure(connection, answer);
      } catch (error) {
        if (error instanceof HttpError) throw error;
        if (call.signal.aborted) throw call.signal.reason;
        problem = error;
      }
      deps.failed(connection, request.model, failure ?? problem, call);
      if (await tries.again(failure ?? { error: problem, refused: refusedToConnect(problem) })) continue;
      throw failure ? ollamaError(failure) : ollamaUnreachable(problem);
    }
  }

  const post = (entry: ModelEntry, path: string, bodyFor: (model: string) => JsonObject, call: Call) =>
    send(
      deps.servers(entry),
      { path, model: entry.id, body: (connection) => bodyFor(withoutPrefix(connection, entry.id)) },
      call,
    );

  const chat = (entry: ModelEntry, body: JsonObject, call: Call, stream: boolean) =>
    post(entry, '/api/chat', (model) => ollamaRequest({ ...body, stream }, model), call);

  async function* stream(entry: ModelEntry, body: JsonObject, call: Call): AsyncGenerator<readonly Part[]> {
    let answer: Incoming | null = null;
    let started = false;
    try {
      answer = await chat(entry, body, call, true);
      const reader = createOllamaReader();
      const lineLimit = settings.get('CHAT_STREAM_RESPONSE_CHUNK_MAX_BUFFER_SIZE');
      for await (const values of jsonLines(answer, lineLimit, call.rest)) {
        const parts: Part[] = [];
        for (const value of values) reader.read(value, parts);
        if (parts.length === 0) continue;
        started = true;
        yield parts;
      }
      if (!reader.finished) yield [brokenPart(null, true)];
    } catch (error) {
      if (call.signal.aborted) throw call.signal.reason;
      if (error instanceof HttpError) {
        yield [failurePart({ status: error.status, body: { error: error.detail }, headers: {} })];
      } else yield [brokenPart(error, started)];
    } finally {
      answer?.discard();
    }
  }

  return {
    stream,
    post,
    send,
    async complete(entry, body, call) {
      const answer = await chat(entry, body, call, false);
      try {
        const value = await answer.json();
        if (!isObject(value)) throw new Error('the answer is no JSON object');
        return ollamaCompletion(value, entry.id);
      } catch (error) {
        if (call.signal.aborted) throw call.signal.reason;
        throw ollamaUnreachable(error);
      }
    },
    async relay(entry, body, call) {
      const answer = await chat(entry, body, call, true);
      const writer = createChunkWriter(entry.id);
      const limit = settings.get('CHAT_STREAM_RESPONSE_CHUNK_MAX_BUFFER_SIZE');
      async function* frames(): AsyncGenerator<string> {
        try {
          for await (const values of jsonLines(answer, limit)) {
            const text = values.map((value) => writer.write(value)).join('');
            if (text !== '') yield text;
          }
        } finally {
          answer.discard();
        }
      }
      return {
        status: 200,
        headers: { 'content-type': 'text/event-stream' },
        body: Readable.from(frames(), { objectMode: false }),
      };
    },
  };
}

async function* jsonLines(answer: Incoming, limit: number | null, rest?: Call['rest']): AsyncGenerator<unknown[]> {
  const lines = createSseReader(limit);
  for await (const bytes of gathered(answer.body, rest)) {
    const values = lines.push(bytes);
    if (values.length > 0) yield values;
  }
  const values = lines.end();
  if (values.length > 0) yield values;
}

function refusedToConnect(error: unknown): boolean {
  const code = isObject(error) || error instanceof Error ? (error as { code?: unknown }).code : null;
  return ['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'].includes(String(code));
}
