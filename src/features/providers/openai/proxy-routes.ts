import { verified } from '../../../kernel/http/access.ts';
import { forbidden, HttpError } from '../../../kernel/http/errors.ts';
import { type Route, route } from '../../../kernel/http/route.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { callOf, passOn } from '../pass-on.ts';
import { baseId, openaiOff, type ProviderRouteDeps } from '../route-deps.ts';
import { azureVersion, isAzureClassic, targetOf } from './address.ts';

const CLOSED = 'Direct API passthrough is disabled. Set ENABLE_OPENAI_API_PASSTHROUGH=True to enable.';

/** Every other path of a connection, where the operator opened it (providers note, 3.7). */
export function proxyRoutes({ kit, gate, config, settings }: ProviderRouteDeps): Route[] {
  return [
    route({
      method: ['GET', 'POST', 'PUT', 'DELETE'],
      url: '/openai/*',
      access: verified,
      rawBody: true,
      tag: 'openai',
      handler: async (input) => {
        if (!settings.get('ENABLE_OPENAI_API_PASSTHROUGH')) throw forbidden(CLOSED);
        if (!config.get('openai.enable')) throw openaiOff();
        const raw = Buffer.isBuffer(input.request.body) ? input.request.body : null;
        const body = raw ? jsonOf(raw) : null;
        const asked = typeof body?.model === 'string' ? body.model : null;
        const entry = asked === null ? undefined : (await kit.registry.offer()).openai.get(await baseId(gate, asked));
        // Without a model that a list has there is nothing to check but the role.
        if (entry && asked !== null) await gate.check(input.user, asked);
        else if (input.user.role !== 'admin') throw forbidden();
        const connection = kit.registry.openaiConnection(entry?.urlIdx ?? 0);
        if (!connection) throw new HttpError(404, 'Connection not found');
        const path = (input.params['*'] ?? '').replace(/^\/+/, '');
        if (path.split('/').includes('..')) throw new HttpError(400, 'Invalid path');
        const isV1 = connection.provider === 'azure' && !isAzureClassic(connection);
        const query = isV1 ? (/\?.*$/s.exec(input.request.url)?.[0] ?? '') : '';
        const plain = {
          url: `${connection.url}/${path}${query}`,
          body: raw ?? undefined,
          headers: {},
        };
        const deployed = isAzureClassic(connection) && body?.model ? targetOf(connection, path, body) : null;
        const version = encodeURIComponent(azureVersion(connection));
        const target = deployed
          ? { ...deployed, body: JSON.stringify(deployed.body) }
          : isAzureClassic(connection)
            ? { ...plain, url: `${connection.url}/openai/${path}?api-version=${version}` }
            : plain;
        const { method } = input.request;
        return passOn(input.reply, await kit.openai.pass(connection, asked, { method, ...target }, callOf(input)));
      },
    }),
  ];
}

function jsonOf(raw: Buffer): JsonObject | null {
  try {
    const value: unknown = JSON.parse(raw.toString('utf8'));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
