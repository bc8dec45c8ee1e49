import { admin, anyone, verified } from '../../../kernel/http/access.ts';
import { detail, HttpError } from '../../../kernel/http/errors.ts';
import { type Route, route } from '../../../kernel/http/route.ts';
import { isObject } from '../../../kernel/json.ts';
import { type Connection, trialConnection } from '../connections.ts';
import { readFailure } from '../openai/client.ts';
import { configsOf } from '../openai/routes.ts';
import { callOf, indexParam } from '../pass-on.ts';
import type { ProviderRouteDeps } from '../route-deps.ts';
import * as shapes from '../shapes.ts';
import type { Call } from '../types.ts';
import { callRoutes } from './call-routes.ts';
import { ollamaError } from './client.ts';
import { fileRoutes } from './file-routes.ts';
import { modelRoutes } from './model-routes.ts';
import { ollamaOff } from './targets.ts';

/** The Ollama servers: settings, lists and calls (providers note, 5). */
export function ollamaRoutes(deps: ProviderRouteDeps): Route[] {
  return [...configRoutes(deps), ...listRoutes(deps), ...modelRoutes(deps), ...fileRoutes(deps), ...callRoutes(deps)];
}

function configRoutes({ kit, config, events }: ProviderRouteDeps): Route[] {
  const stored = () => ({
    ENABLE_OLLAMA_API: config.stored('ollama.enable') ?? null,
    OLLAMA_BASE_URLS: config.get('ollama.base_urls'),
    OLLAMA_API_CONFIGS: config.get('ollama.api_configs'),
  });
  return [
    route({
      method: ['GET', 'HEAD'],
      url: '/ollama/',
      access: anyone,
      tag: 'ollama',
      handler: () => ({ status: true }),
    }),
    route({ method: 'GET', url: '/ollama/config', access: admin, tag: 'ollama', handler: stored }),
    route({
      method: 'POST',
      url: '/ollama/config/update',
      access: admin,
      body: shapes.OllamaConfigForm,
      tag: 'ollama',
      handler: async ({ body, user }) => {
        const urls = body.OLLAMA_BASE_URLS;
        await config.put({
          'ollama.enable': body.ENABLE_OLLAMA_API,
          'ollama.base_urls': urls,
          'ollama.api_configs': configsOf(body.OLLAMA_API_CONFIGS, urls, {
            urls: config.get('ollama.base_urls'),
            configs: config.get('ollama.api_configs'),
          }),
        });
        kit.registry.expire();
        const data = { provider: 'ollama', enabled: body.ENABLE_OLLAMA_API, base_url_count: urls.length };
        events.publish('model.provider_config.updated', { actor: user, subject: { id: 'ollama' }, data });
        return stored();
      },
    }),
    route({
      method: 'POST',
      url: '/ollama/verify',
      access: admin,
      body: shapes.OllamaVerificationForm,
      tag: 'ollama',
      handler: async (input) => {
        const { url, key, config: given } = input.body;
        const connection = trialConnection('ollama', url, key ?? '', given ?? {});
        const call = callOf(input);
        try {
          const answer = await kit.egress.request(`${connection.url}/api/version`, {
            headers: await kit.headers(connection, call),
            signal: call.signal,
            timeoutMs: kit.listTimeoutMs,
          });
          if (answer.status === 200) return await answer.json();
          const { body } = await readFailure(connection, answer);
          const error = isObject(body) && body.error !== undefined ? `External Error: ${String(body.error)}` : null;
          throw new HttpError(500, `Unexpected error: ${error ?? `HTTP Error: ${answer.status}`}`);
        } catch (error) {
          if (error instanceof HttpError) throw error;
          throw new HttpError(500, detail.SERVER_CONNECTION_ERROR, { cause: error });
        }
      },
    }),
  ];
}

function listRoutes({ kit, gate, config }: ProviderRouteDeps): Route[] {
  const isOn = () => config.get('ollama.enable');
  const enabled = () => kit.registry.ollamaConnections().filter((connection) => connection.enabled);
  const one = (params: Record<string, string>): Connection => {
    const connection = kit.registry.ollamaConnection(indexParam(params));
    if (!connection) throw new HttpError(404, 'Connection not found');
    return connection;
  };

  /** Asks one server; its refusal is ours. */
  async function ask(connection: Connection, path: string, call: Call): Promise<unknown> {
    const answer = await kit.egress
      .request(`${connection.url}${path}`, {
        headers: await kit.headers(connection, call),
        signal: call.signal,
        timeoutMs: kit.listTimeoutMs,
      })
      .catch((cause: unknown) => {
        throw new HttpError(500, detail.SERVER_CONNECTION_ERROR, { cause });
      });
    if (answer.status >= 400) throw ollamaError(await readFailure(connection, answer));
    return answer.json();
  }

  async function askAll(path: string, call: Call): Promise<(readonly [Connection, unknown])[]> {
    const asked = enabled().map(async (connection) => [connection, await ask(connection, path, call)] as const);
    return (await Promise.allSettled(asked)).flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  }

  return [
    route({
      method: 'GET',
      url: '/ollama/api/tags',
      access: verified,
      tag: 'ollama',
      handler: async ({ user }) => {
        if (!isOn()) throw ollamaOff();
        const { ollamaModels } = await kit.registry.offer();
        const readable = await gate.readable(
          user,
          ollamaModels.map(({ model }) => String(model)),
        );
        return { models: ollamaModels.filter(({ model }) => readable.has(String(model))) };
      },
    }),
    route({
      method: 'GET',
      url: '/ollama/api/tags/:url_idx',
      access: admin,
      tag: 'ollama',
      handler: async (input) => {
        if (!isOn()) throw ollamaOff();
        return ask(one(input.params), '/api/tags', callOf(input));
      },
    }),
    route({
      method: 'GET',
      url: '/ollama/api/version',
      access: verified,
      tag: 'ollama',
      handler: async (input) => {
        if (!isOn()) return { version: false };
        const versions = (await askAll('/api/version', callOf(input))).flatMap(([, answer]) =>
          isObject(answer) && typeof answer.version === 'string' ? [answer.version] : [],
        );
        const [lowest] = versions.sort(compareVersions);
        if (lowest === undefined) throw new HttpError(500, detail.OLLAMA_NOT_FOUND);
        return { version: lowest };
      },
    }),
    route({
      method: 'GET',
      url: '/ollama/api/version/:url_idx',
      access: admin,
      tag: 'ollama',
      handler: async (input) => {
        if (!isOn()) return { version: false };
        return ask(one(input.params), '/api/version', callOf(input));
      },
    }),
    route({
      method: 'GET',
      url: '/ollama/api/ps',
      access: admin,
      tag: 'ollama',
      handler: async (input) => {
        if (!isOn()) return { models: [] };
        return { models: runningEverywhere(await askAll('/api/ps', callOf(input))) };
      },
    }),
  ];
}

/** Models in memory on any server; each names the servers that have it. */
function runningEverywhere(answers: readonly (readonly [Connection, unknown])[]) {
  const found = new Map<string, Record<string, unknown> & { urls: number[] }>();
  for (const [connection, answer] of answers) {
    const list = isObject(answer) && Array.isArray(answer.models) ? answer.models : [];
    for (const model of list) {
      if (!isObject(model) || typeof model.model !== 'string') continue;
      const id = connection.prefix ? `${connection.prefix}.${model.model}` : model.model;
      const known = found.get(id);
      if (known) known.urls.push(connection.index);
      else found.set(id, { ...model, model: id, urls: [connection.index] });
    }
  }
  return [...found.values()];
}

/** Numbers between dots are compared as numbers; a suffix (`-rc1`) does not count. */
export function compareVersions(one: string, other: string): number {
  const numbers = (version: string) =>
    version
      .replace(/^v/, '')
      .split('-')[0]
      ?.split('.')
      .map((part) => Number.parseInt(part, 10) || 0) ?? [];
  const [a, b] = [numbers(one), numbers(other)];
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
