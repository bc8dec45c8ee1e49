import { admin } from '../../../kernel/http/access.ts';
import { HttpError } from '../../../kernel/http/errors.ts';
import type { User } from '../../../kernel/http/principal.ts';
import { type Route, route } from '../../../kernel/http/route.ts';
import type { JsonObject } from '../../../kernel/json.ts';
import { type Connection, withoutPrefix } from '../connections.ts';
import { callOf, indexParam, sendRaw, withoutNulls } from '../pass-on.ts';
import { openaiOff, type ProviderRouteDeps } from '../route-deps.ts';
import * as shapes from '../shapes.ts';
import type { Call } from '../types.ts';
import { readFailure } from './client.ts';

type Operation = 'catalog' | 'download' | 'download_status' | 'load' | 'unload' | 'sse' | 'delete';

/** Where servers that manage their own models take each operation (providers note, 3.3). */
const PATHS: Record<string, Partial<Record<Operation, string>>> = {
  'llama.cpp': {
    catalog: '/models',
    download: '/models',
    load: '/models/load',
    unload: '/models/unload',
    sse: '/models/sse',
    delete: '/models',
  },
  lmstudio: {
    catalog: '/api/v1/models',
    download: '/api/v1/models/download',
    download_status: '/api/v1/models/download/status',
    load: '/api/v1/models/load',
    unload: '/api/v1/models/unload',
  },
};

/** The address of a server without the path of its OpenAI-compatible part. */
export function rootUrl(url: string): string {
  return url.replace(/\/+$/, '').replace(/\/(?:api\/v1|api\/v0|v1)$/, '');
}

interface Place {
  connection: Connection;
  url: string;
}

export function managementRoutes({ kit, config, events }: ProviderRouteDeps): Route[] {
  function place(params: Record<string, string>, operation: Operation): Place {
    const index = indexParam(params);
    if (!config.get('openai.enable')) throw openaiOff();
    const connection = kit.registry.openaiConnection(index);
    if (!connection) throw new HttpError(404, 'Connection not found');
    const paths = PATHS[connection.provider];
    const named = connection.provider || 'default';
    if (!paths) throw new HttpError(400, `Provider "${named}" does not support model management`);
    const path = paths[operation];
    if (path === undefined) throw new HttpError(400, `Provider "${named}" does not support ${operation}`);
    return { connection, url: rootUrl(connection.url) + path };
  }

  async function ask({ connection, url }: Place, call: Call, method: string, body?: JsonObject) {
    try {
      const answer = await kit.egress.request(url, {
        method,
        headers: await kit.headers(connection, call),
        signal: call.signal,
        ...(body && { body: JSON.stringify(body) }),
      });
      if (answer.status < 400) return answer;
      const { status, body: shown } = await readFailure(connection, answer);
      throw new HttpError(status, shown);
    } catch (error) {
      if (error instanceof HttpError) throw error;
      throw new HttpError(500, error instanceof Error ? error.message : String(error), { cause: error });
    }
  }

  async function json(at: Place, call: Call, method: string, body?: JsonObject): Promise<unknown> {
    const text = await (await ask(at, call, method, body)).text();
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return { success: true };
    }
  }

  /** The request's body with the name the server knows. */
  function bodyOf({ connection }: Place, sent: JsonObject & { model: string }): JsonObject & { model: string } {
    return { ...withoutNulls(sent), model: withoutPrefix(connection, sent.model) };
  }

  function announce(event: string, actor: User, model: string, { connection }: Place): void {
    const data = { provider: connection.provider, url_idx: connection.index, base_url: connection.url };
    events.publish(event, { actor, subject: { id: model }, data });
  }

  const url = (rest: string) => `/openai/models/:url_idx/${rest}`;
  return [
    route({
      method: 'GET',
      url: url('catalog'),
      access: admin,
      tag: 'openai',
      handler: (input) => json(place(input.params, 'catalog'), callOf(input), 'GET'),
    }),
    ...(['download', 'load', 'unload'] as const).map((operation) =>
      route({
        method: 'POST',
        url: url(operation),
        access: admin,
        body: shapes.ProviderModelForm,
        tag: 'openai',
        handler: async (input) => {
          const at = place(input.params, operation);
          const body = bodyOf(at, input.body);
          const isInstance = operation === 'unload' && at.connection.provider === 'lmstudio';
          const sent = isInstance ? { instance_id: input.body.instance_id ?? body.model } : body;
          const result = await json(at, callOf(input), 'POST', sent);
          kit.registry.expire();
          if (operation === 'download') announce('model.provider_model.created', input.user, body.model, at);
          return result;
        },
      }),
    ),
    route({
      method: 'GET',
      url: url('download/status/:job_id'),
      access: admin,
      tag: 'openai',
      handler: (input) => {
        const at = place(input.params, 'download_status');
        const job = encodeURIComponent(input.params.job_id ?? '');
        return json({ ...at, url: `${at.url}/${job}` }, callOf(input), 'GET');
      },
    }),
    route({
      method: 'GET',
      url: url('sse'),
      access: admin,
      tag: 'openai',
      handler: async (input) => sendRaw(input.reply, await ask(place(input.params, 'sse'), callOf(input), 'GET')),
    }),
    route({
      method: 'DELETE',
      url: '/openai/models/:url_idx',
      access: admin,
      query: shapes.ProviderModelQuery,
      tag: 'openai',
      handler: async (input) => {
        const at = place(input.params, 'delete');
        const model = withoutPrefix(at.connection, input.query.model);
        const target = { ...at, url: `${at.url}?model=${encodeURIComponent(model)}` };
        const result = await json(target, callOf(input), 'DELETE');
        kit.registry.expire();
        announce('model.provider_model.deleted', input.user, model, at);
        return result;
      },
    }),
  ];
}
