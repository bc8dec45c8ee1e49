import { admin } from '../../../kernel/http/access.ts';
import { HttpError } from '../../../kernel/http/errors.ts';
import { type Route, route } from '../../../kernel/http/route.ts';
import type { JsonObject } from '../../../kernel/json.ts';
import { type Connection, withoutPrefix } from '../connections.ts';
import { callOf, sendRaw, withoutNulls } from '../pass-on.ts';
import type { ProviderRouteDeps } from '../route-deps.ts';
import * as shapes from '../shapes.ts';
import { createTargets, modelNotFound } from './targets.ts';
import { unloadOllama } from './unload.ts';

const both = (url: string): string[] => [url, `${url}/:url_idx`];

/** The models on Ollama servers: fetching, making, copying, removing, unloading (providers note, 5). */
export function modelRoutes(deps: ProviderRouteDeps): Route[] {
  const { kit, events } = deps;
  const targets = createTargets(deps);
  const nameOf = (body: { model?: string | null; name?: string | null }): string => body.model ?? body.name ?? '';

  /** The servers a change is made at: the one of the path, else the first that has the model. */
  async function at(
    input: { user: Parameters<typeof targets.forModel>[0]; params: Record<string, string> },
    id: string,
  ) {
    const servers = await targets.forModel(input.user, id, input.params);
    const [first] = [...servers].sort((a, b) => a.index - b.index);
    if (!first) throw modelNotFound(id);
    return first;
  }

  const named = (connection: Connection, id: string, rest: JsonObject) => ({
    ...withoutNulls(rest),
    model: withoutPrefix(connection, id),
  });

  return [
    route({
      method: 'POST',
      url: '/ollama/api/unload',
      access: admin,
      body: shapes.ModelNameForm,
      tag: 'ollama',
      handler: async (input) => {
        const id = nameOf(input.body);
        if (id === '') throw new HttpError(400, 'Missing name of the model to unload.');
        const entry = (await kit.registry.offer()).ollama.get(id);
        if (!entry) throw modelNotFound(id);
        return unloadOllama(kit, entry, callOf(input), 'nodes');
      },
    }),
    ...both('/ollama/api/pull').map((url) =>
      route({
        method: 'POST',
        url,
        access: admin,
        body: shapes.ModelNameForm,
        tag: 'ollama',
        handler: async (input) => {
          targets.assertOn();
          const id = nameOf(input.body);
          const body = () => ({ ...withoutNulls(input.body), model: id, insecure: true });
          const request = { path: '/api/pull', model: id, body };
          const answer = await kit.ollama.send([targets.one(input.params)], request, callOf(input));
          // The list has changed once the stream is over.
          input.reply.raw.once('close', () => kit.registry.expire());
          return sendRaw(input.reply, answer);
        },
      }),
    ),
    ...both('/ollama/api/push').map((url) =>
      route({
        method: ['DELETE', 'POST'],
        url,
        access: admin,
        body: shapes.PushModelForm,
        tag: 'ollama',
        handler: async (input) => {
          targets.assertOn();
          const { model: id, ...rest } = input.body;
          const connection = await at(input, id);
          const request = { path: '/api/push', model: id, body: () => named(connection, id, rest) };
          return sendRaw(input.reply, await kit.ollama.send([connection], request, callOf(input)));
        },
      }),
    ),
    ...both('/ollama/api/create').map((url) =>
      route({
        method: 'POST',
        url,
        access: admin,
        body: shapes.CreateModelForm,
        tag: 'ollama',
        handler: async (input) => {
          targets.assertOn();
          const request = {
            path: '/api/create',
            model: input.body.model ?? null,
            body: () => withoutNulls(input.body),
          };
          const answer = await kit.ollama.send([targets.one(input.params)], request, callOf(input));
          input.reply.raw.once('close', () => kit.registry.expire());
          return sendRaw(input.reply, answer);
        },
      }),
    ),
    ...both('/ollama/api/copy').map((url) =>
      route({
        method: 'POST',
        url,
        access: admin,
        body: shapes.CopyModelForm,
        tag: 'ollama',
        handler: async (input) => {
          targets.assertOn();
          const { source, destination } = input.body;
          const connection = await at(input, source);
          const body = () => ({
            source: withoutPrefix(connection, source),
            destination: withoutPrefix(connection, destination),
          });
          (await kit.ollama.send([connection], { path: '/api/copy', model: source, body }, callOf(input))).discard();
          kit.registry.expire();
          const data = { provider: 'ollama', url_idx: connection.index, base_url: connection.url, source };
          events.publish('model.provider_model.created', { actor: input.user, subject: { id: destination }, data });
          return true;
        },
      }),
    ),
    ...both('/ollama/api/delete').map((url) =>
      route({
        method: 'DELETE',
        url,
        access: admin,
        body: shapes.ModelNameForm,
        tag: 'ollama',
        handler: async (input) => {
          targets.assertOn();
          const id = nameOf(input.body);
          const connection = await at(input, id);
          const model = withoutPrefix(connection, id);
          // Older servers look at `name`.
          const body = () => ({ model, ...(input.body.name && { name: model }) });
          const request = { method: 'DELETE', path: '/api/delete', model: id, body };
          (await kit.ollama.send([connection], request, callOf(input))).discard();
          kit.registry.expire();
          const data = { provider: 'ollama', url_idx: connection.index, base_url: connection.url };
          events.publish('model.provider_model.deleted', { actor: input.user, subject: { id }, data });
          return true;
        },
      }),
    ),
  ];
}
