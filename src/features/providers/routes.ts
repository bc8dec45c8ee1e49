import type { Route } from '../../kernel/http/route.ts';
import { ollamaRoutes } from './ollama/routes.ts';
import { openaiRoutes } from './openai/routes.ts';
import type { ProviderRouteDeps } from './route-deps.ts';

/** Everything below /openai and /ollama. */
export function providerRoutes(deps: ProviderRouteDeps): Route[] {
  return [...openaiRoutes(deps), ...ollamaRoutes(deps)];
}
