import { admin } from '../../kernel/http/access.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { Config } from '../../kernel/settings/index.ts';

const url = '/api/v1/knowledge/external/connections';

/** Connections to knowledge that lies elsewhere, as they are stored (retrieval note, 3.9). */
export function externalRoutes(config: Pick<Config, 'get'>): Route[] {
  const connections = () => config.get('external_knowledge.connections').map(presentConnection);
  return [
    route({
      method: 'GET',
      url,
      access: admin,
      handler: () => {
        const items = connections();
        return { items, total: items.length };
      },
    }),
    route({
      method: 'GET',
      url: `${url}/:id`,
      access: admin,
      handler: ({ params }) => {
        const found = connections().find(({ id }) => id === params.id);
        if (!found) throw new HttpError(404, 'External knowledge connection not found');
        return found;
      },
    }),
  ];
}

/** Its credentials never leave. */
function presentConnection({ auth_config, ...connection }: JsonObject): JsonObject {
  const configured = typeof auth_config === 'object' && auth_config !== null && Object.keys(auth_config).length > 0;
  return { ...connection, auth_configured: configured };
}
