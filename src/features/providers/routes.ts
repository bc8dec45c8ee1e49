import { admin } from '../../kernel/http/access.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { ollamaRoutes } from './ollama/routes.ts';
import { openaiRoutes } from './openai/routes.ts';
import type { ProviderRouteDeps } from './route-deps.ts';

/** Everything below /openai and /ollama, and how the connections do. */
export function providerRoutes(deps: ProviderRouteDeps): Route[] {
  return [statesRoute(deps), ...openaiRoutes(deps), ...ollamaRoutes(deps)];
}

/** Beyond the reference: connections of this process that fail at the moment. */
function statesRoute({ kit }: ProviderRouteDeps): Route {
  return route({
    method: 'GET',
    url: '/api/v1/providers/failing',
    access: admin,
    tag: 'providers',
    handler: () => ({ connections: kit.states() }),
  });
}
