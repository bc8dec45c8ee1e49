import { admin, verified } from '../../../kernel/http/access.ts';
import { HttpError } from '../../../kernel/http/errors.ts';
import { type Route, route } from '../../../kernel/http/route.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Connection } from '../connections.ts';
import { configOf, trialConnection } from '../connections.ts';
import { connectionError, ProviderError } from '../failures.ts';
import { geminiList, isGemini } from '../gemini/list.ts';
import { callOf, indexParam, passOn, withoutNulls } from '../pass-on.ts';
import type { ProviderKit } from '../providers.ts';
import { baseId, openaiModel, openaiOff, type ProviderRouteDeps, withRow } from '../route-deps.ts';
import * as shapes from '../shapes.ts';
import type { Call } from '../types.ts';
import { modelsUrl, targetOf } from './address.ts';
import { anthropicList, isAnthropic, ListRefused } from './anthropic-list.ts';
import { readFailure, wholeOf } from './client.ts';
import { cannotChat, isOpenaiItself } from './list.ts';
import { managementRoutes } from './management-routes.ts';
import { upstreamId } from './payload.ts';
import { proxyRoutes } from './proxy-routes.ts';
import { speechRoute } from './speech-route.ts';

/** The OpenAI-compatible connections: settings, lists and calls (providers note, 3). */
export function openaiRoutes(deps: ProviderRouteDeps): Route[] {
  return [
    ...configRoutes(deps),
    ...listRoutes(deps),
    ...managementRoutes(deps),
    ...callRoutes(deps),
    speechRoute(deps),
    ...proxyRoutes(deps),
  ];
}

function configRoutes({ kit, config, events }: ProviderRouteDeps): Route[] {
  const stored = () => ({
    ENABLE_OPENAI_API: config.stored('openai.enable') ?? null,
    OPENAI_API_BASE_URLS: config.get('openai.api_base_urls'),
    OPENAI_API_KEYS: config.get('openai.api_keys'),
    OPENAI_API_CONFIGS: config.get('openai.api_configs'),
  });
  return [
    route({ method: 'GET', url: '/openai/config', access: admin, tag: 'openai', handler: stored }),
    route({
      method: 'POST',
      url: '/openai/config/update',
      access: admin,
      body: shapes.OpenAIConfigForm,
      tag: 'openai',
      handler: async ({ body, user }) => {
        const urls = body.OPENAI_API_BASE_URLS;
        await config.put({
          'openai.enable': body.ENABLE_OPENAI_API,
          'openai.api_base_urls': urls,
          'openai.api_keys': urls.map((_url, index) => body.OPENAI_API_KEYS[index] ?? ''),
          'openai.api_configs': configsOf(body.OPENAI_API_CONFIGS, urls, {
            urls: config.get('openai.api_base_urls'),
            configs: config.get('openai.api_configs'),
          }),
        });
        kit.registry.expire();
        const data = { provider: 'openai', enabled: body.ENABLE_OPENAI_API, base_url_count: urls.length };
        events.publish('model.provider_config.updated', { actor: user, subject: { id: 'openai' }, data });
        return stored();
      },
    }),
    verifyRoute(kit),
  ];
}

/**
 * Settings of connections by their place; anything else is dropped. The web client sends only members it knows: `resilience` stays
 * with the address until it is sent.
 */
export function configsOf(
  configs: JsonObject,
  urls: readonly string[],
  before: { urls: readonly string[]; configs: Readonly<JsonObject> },
): JsonObject {
  const entries = urls.flatMap((url, index): [string, unknown][] => {
    const config = configs[String(index)];
    if (!isObject(config)) return config === undefined ? [] : [[String(index), config]];
    const place = before.urls.indexOf(url);
    const { resilience } = place < 0 ? {} : configOf(before.configs, place, url);
    const kept = resilience === undefined || 'resilience' in config ? config : { ...config, resilience };
    return [[String(index), kept]];
  });
  return Object.fromEntries(entries);
}

function verifyRoute(kit: ProviderKit): Route {
  return route({
    method: 'POST',
    url: '/openai/verify',
    access: admin,
    body: shapes.ConnectionVerificationForm,
    tag: 'openai',
    handler: async (input) => {
      const { url, key, config } = input.body;
      const connection = trialConnection('openai', url, key, config ?? {});
      const call = callOf(input);
      if (isAnthropic(connection)) {
        try {
          return { object: 'list', data: await anthropicList(kit.egress, connection, kit.listTimeoutMs) };
        } catch (error) {
          throw connectionError(error);
        }
      }
      if (isGemini(connection)) {
        try {
          return { object: 'list', data: await ownList(kit, connection, call) };
        } catch (error) {
          throw connectionError(error);
        }
      }
      return live(kit, connection, call, (failure) => {
        throw new ProviderError(failure);
      });
    },
  });
}

/** Asks one connection now. */
async function live(
  kit: ProviderKit,
  connection: Connection,
  call: Call,
  refused: (failure: Awaited<ReturnType<typeof readFailure>>) => never,
): Promise<unknown> {
  try {
    const headers = await kit.headers(connection, call);
    const { signal } = call;
    const answer = await kit.egress.request(modelsUrl(connection), { headers, signal, timeoutMs: kit.listTimeoutMs });
    if (answer.status !== 200) refused(await readFailure(connection, answer));
    return await answer.json();
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw connectionError(error);
  }
}

function listRoutes({ kit, gate, config }: ProviderRouteDeps): Route[] {
  return [
    route({
      method: 'GET',
      url: '/openai/models',
      access: verified,
      tag: 'openai',
      handler: async ({ user }) => {
        if (!config.get('openai.enable')) throw openaiOff();
        const models = [...(await kit.registry.offer()).openai.values()];
        const readable = await gate.readable(
          user,
          models.map(({ id }) => id),
        );
        return { data: models.filter(({ id }) => readable.has(id)) };
      },
    }),
    route({
      method: 'GET',
      url: '/openai/models/:url_idx',
      access: admin,
      tag: 'openai',
      handler: async (input) => {
        const index = indexParam(input.params);
        if (!config.get('openai.enable')) throw openaiOff();
        const connection = kit.registry.openaiConnection(index);
        if (!connection) throw new HttpError(404, 'Connection not found');
        return oneList(kit, connection, callOf(input));
      },
    }),
  ];
}

async function ownList(kit: ProviderKit, connection: Connection, call: Call): Promise<JsonObject[]> {
  return geminiList(kit.egress, connection, kit.listTimeoutMs, await kit.headers(connection, call));
}

async function oneList(kit: ProviderKit, connection: Connection, call: Call): Promise<unknown> {
  if (connection.provider === 'azure') return { data: connection.modelIds, object: 'list' };
  if (isAnthropic(connection)) {
    try {
      return { object: 'list', data: await anthropicList(kit.egress, connection, kit.listTimeoutMs) };
    } catch (error) {
      if (error instanceof ListRefused) return { object: 'list', data: [], error: error.message };
      throw new HttpError(500, 'Unexpected error: Failed to connect to Anthropic API', { cause: error });
    }
  }
  if (isGemini(connection)) {
    try {
      return { object: 'list', data: await ownList(kit, connection, call) };
    } catch (error) {
      if (error instanceof ListRefused) return { object: 'list', data: [], error: error.message };
      throw new HttpError(500, 'Unexpected error: Failed to connect to Gemini', { cause: error });
    }
  }
  const answer = await live(kit, connection, call, ({ status, body }) => {
    const error = isObject(body) ? body.error : undefined;
    const text = error === undefined ? `HTTP Error: ${status}` : `External Error: ${textOf(error)}`;
    throw new HttpError(500, `Unexpected error: ${text}`);
  });
  if (!isOpenaiItself(connection) || !isObject(answer) || !Array.isArray(answer.data)) return answer;
  const data = answer.data.filter(
    (model) => !(isObject(model) && typeof model.id === 'string' && cannotChat(model.id)),
  );
  return { ...answer, data };
}

function textOf(error: unknown): string {
  return typeof error === 'string' ? error : JSON.stringify(error);
}

function callRoutes({ kit, gate, config }: ProviderRouteDeps): Route[] {
  return [
    route({
      method: 'POST',
      url: '/openai/chat/completions',
      access: verified,
      body: shapes.AnyObject,
      tag: 'openai',
      handler: async (input) => {
        if (!config.get('openai.enable')) throw openaiOff();
        const { metadata, ...sent } = input.body;
        const call = callOf(input, metadata);
        const { id, body } = await withRow(gate, sent, call);
        const entry = await openaiModel(kit, id);
        const connection = kit.openaiConnection(entry);
        const answer = await kit.openai.open(connection, entry, body, call);
        return wholeOf(connection, await passOn(input.reply, answer));
      },
    }),
    route({
      method: 'POST',
      url: '/openai/responses',
      access: verified,
      body: shapes.ResponsesForm,
      tag: 'openai',
      handler: async (input) => {
        if (!config.get('openai.enable')) throw openaiOff();
        const body = withoutNulls(input.body);
        const asked = input.body.model;
        await gate.check(input.user, asked);
        const id = await baseId(gate, asked);
        const entry = (await kit.registry.offer()).openai.get(id);
        if (!entry) throw new HttpError(404, `Model '${asked}' was not found`);
        const connection = kit.openaiConnection(entry);
        const target = targetOf(connection, 'responses', { ...body, model: upstreamId(connection, entry) });
        return passOn(input.reply, await kit.openai.post(connection, entry.id, target, callOf(input)));
      },
    }),
  ];
}
