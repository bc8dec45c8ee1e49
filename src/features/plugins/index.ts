import type { Route } from '../../kernel/http/route.ts';
import { functionRoutes } from './function-routes.ts';
import { terminalRoutes } from './terminal-routes.ts';
import { type PluginsDeps, toolRoutes } from './tool-routes.ts';

export type { PluginsDeps } from './tool-routes.ts';

/** Tools, functions and terminals. */
export function pluginRoutes(deps: PluginsDeps): Route[] {
  return [...toolRoutes(deps), ...functionRoutes(deps), ...terminalRoutes(deps)];
}
