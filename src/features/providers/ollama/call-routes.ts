import { admin, verified } from '../../../kernel/http/access.ts';
import { HttpError } from '../../../kernel/http/errors.ts';
import { type Route, route } from '../../../kernel/http/route.ts';
import type { TSchema } from '../../../kernel/http/shapes.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { nowSeconds } from '../../../kernel/time.ts';
import { withoutPrefix } from '../connections.ts';
import { withOllamaParams, withSystemPrompt } from '../params.ts';
import { callOf, indexParam, passOn, sendRaw, withoutNulls } from '../pass-on.ts';
import { baseId, type ProviderRouteDeps, withRow } from '../route-deps.ts';
import * as shapes from '../shapes.ts';
import type { Call } from '../types.ts';
import { serverModels } from './list.ts';
import { createTargets } from './targets.ts';

/** With and without the number of a server. */
function both(url: string): string[] {
  return [url, `${url}/:url_idx`];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Calls in Ollama's own protocol and in its OpenAI-like one (providers note, 5.4 and 5.5). */
export function callRoutes(deps: ProviderRouteDeps): Route[] {
  return [...nativeRoutes(deps), ...openaiLikeRoutes(deps)];
}

function nativeRoutes(deps: ProviderRouteDeps): Route[] {
  const { kit, gate } = deps;
  const targets = createTargets(deps);

  /** One POST whose answer is JSON, or a stream. */
  const simple = <S extends TSchema>(path: string, body: S, isStream: boolean): Route[] =>
    both(`/ollama${path}`).map((url) =>
      route({
        method: 'POST',
        url,
        access: verified,
        body,
        tag: 'ollama',
        handler: async (input) => {
          targets.assertOn();
          const sent = withoutNulls(input.body as JsonObject);
          const id = textOf(sent.model);
          await gate.check(input.user, id);
          const servers = await targets.forModel(input.user, id, input.params);
          const request = {
            path,
            model: id,
            body: (connection: Parameters<typeof withoutPrefix>[0]) => ({
              ...sent,
              model: withoutPrefix(connection, id),
            }),
          };
          const answer = await kit.ollama.send(servers, request, callOf(input));
          return isStream ? sendRaw(input.reply, answer) : answer.json();
        },
      }),
    );

  return [
    ...simple('/api/embed', shapes.GenerateEmbedForm, false),
    ...simple('/api/embeddings', shapes.GenerateEmbeddingsForm, false),
    ...simple('/api/generate', shapes.GenerateCompletionForm, true),
    route({
      method: 'POST',
      url: '/ollama/api/show',
      access: verified,
      body: shapes.ModelNameForm,
      tag: 'ollama',
      handler: async (input) => {
        targets.assertOn();
        const { model, name, ...rest } = input.body;
        const id = model ?? name ?? '';
        await gate.check(input.user, id);
        const servers = await targets.forModel(input.user, id, {});
        const request = {
          path: '/api/show',
          model: id,
          body: (connection: Parameters<typeof withoutPrefix>[0]) => ({
            ...withoutNulls(rest),
            model: withoutPrefix(connection, id),
          }),
        };
        return (await kit.ollama.send(servers, request, callOf(input))).json();
      },
    }),
    ...both('/ollama/api/chat').map((url) =>
      route({
        method: 'POST',
        url,
        access: verified,
        body: shapes.AnyObject,
        tag: 'ollama',
        handler: async (input) => {
          targets.assertOn();
          const { metadata, ...given } = input.body;
          const call = callOf(input, metadata);
          const { id, body } = await withOllamaRow(deps, readChat(given), call);
          const servers = await targets.forModel(input.user, id, input.params);
          const request = {
            path: '/api/chat',
            model: id,
            body: (connection: Parameters<typeof withoutPrefix>[0]) => ({
              ...body,
              model: withoutPrefix(connection, id),
            }),
          };
          const answer = await kit.ollama.send(servers, request, call);
          return body.stream === true ? sendRaw(input.reply, answer, 'application/x-ndjson') : answer.json();
        },
      }),
    ),
  ];
}

/** A chat in Ollama's form; 400 says what is wrong with it. */
function readChat(body: JsonObject): JsonObject {
  if (typeof body.model !== 'string') throw new HttpError(400, 'model: Field required');
  if (!Array.isArray(body.messages)) throw new HttpError(400, 'messages: Input should be a valid list');
  for (const [index, message] of body.messages.entries()) {
    if (!isObject(message) || typeof message.role !== 'string') {
      throw new HttpError(400, `messages.${index}: Input should be an object with a role`);
    }
    const isEmpty = message.content === null && !Array.isArray(message.tool_calls);
    if (isEmpty) throw new HttpError(400, `messages.${index}: At least one of content and tool_calls is needed`);
  }
  return { stream: true, ...withoutNulls(body) };
}

/** A chat with what the row of its model adds (note 5.4, step 2). */
async function withOllamaRow({ gate }: ProviderRouteDeps, body: JsonObject, call: Call) {
  const asked = textOf(body.model);
  const row = await gate.row(asked);
  let result = body;
  if (row && isObject(row.params)) {
    const { system } = row.params;
    result = withOllamaParams(body, row.params);
    if (typeof system === 'string' && system !== '') {
      const prompt = await gate.resolvePrompt(system, call.user, call.metadata);
      result = { ...result, messages: withSystemPrompt(result.messages, prompt) };
    }
  }
  await gate.check(call.user, asked);
  return { id: await baseId(gate, asked), body: result };
}

/** What applies to each path of the OpenAI-like protocol. */
const V1: readonly { path: string; row: boolean; needs: 'messages' | 'prompt' | 'input' | null; sse: boolean }[] = [
  { path: 'completions', row: true, needs: 'prompt', sse: false },
  { path: 'chat/completions', row: true, needs: 'messages', sse: false },
  { path: 'embeddings', row: false, needs: 'input', sse: false },
  { path: 'messages', row: false, needs: null, sse: true },
  { path: 'responses', row: false, needs: null, sse: true },
];

function openaiLikeRoutes(deps: ProviderRouteDeps): Route[] {
  const { kit, gate } = deps;
  const targets = createTargets(deps);
  const calls = V1.flatMap(({ path, row, needs, sse }) =>
    both(`/ollama/v1/${path}`).map((url) =>
      route({
        method: 'POST',
        url,
        access: verified,
        body: path === 'responses' ? shapes.ResponsesForm : shapes.AnyObject,
        tag: 'ollama',
        handler: async (input) => {
          targets.assertOn();
          const { metadata, ...given } = input.body as JsonObject;
          const call = callOf(input, metadata);
          if (typeof given.model !== 'string') throw new HttpError(400, 'model: Field required');
          if (
            needs !== null &&
            (given[needs] === undefined || (needs === 'messages' && !Array.isArray(given.messages)))
          ) {
            throw new HttpError(400, `${needs}: Field required`);
          }
          const { id, body } = row ? await withRow(gate, given, call) : await checked(deps, given, call);
          const servers = await targets.forModel(input.user, id, input.params);
          const request = {
            path: `/v1/${path}`,
            model: id,
            body: (connection: Parameters<typeof withoutPrefix>[0]) => ({
              ...body,
              model: withoutPrefix(connection, id),
            }),
          };
          const answer = await kit.ollama.send(servers, request, call);
          if (body.stream !== true) return passOn(input.reply, answer);
          return sendRaw(input.reply, answer, sse ? 'text/event-stream' : undefined);
        },
      }),
    ),
  );
  const entry = (id: string) => ({ id, object: 'model', created: nowSeconds(), owned_by: 'openai' });
  return [
    ...calls,
    route({
      method: 'GET',
      url: '/ollama/v1/models',
      access: verified,
      tag: 'ollama',
      handler: async ({ user }) => {
        const ids = [...(await kit.registry.offer()).ollama.keys()];
        const readable = await gate.readable(user, ids);
        return { data: ids.filter((id) => readable.has(id)).map(entry), object: 'list' };
      },
    }),
    route({
      method: 'GET',
      url: '/ollama/v1/models/:url_idx',
      access: admin,
      tag: 'ollama',
      handler: async (input) => {
        const connection = kit.registry.ollamaConnection(indexParam(input.params));
        if (!connection) throw new HttpError(404, 'Connection not found');
        const call = callOf(input);
        const answer = await kit.egress.request(`${connection.url}/api/tags`, {
          headers: await kit.headers(connection, call),
          signal: call.signal,
          timeoutMs: kit.listTimeoutMs,
        });
        const models = serverModels(connection, await answer.json());
        return { data: models.map(({ model }) => entry(String(model))), object: 'list' };
      },
    }),
  ];
}

async function checked({ gate }: ProviderRouteDeps, body: JsonObject, call: Call) {
  const asked = textOf(body.model);
  await gate.check(call.user, asked);
  return { id: await baseId(gate, asked), body };
}
