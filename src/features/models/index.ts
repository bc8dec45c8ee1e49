import type { Route } from '../../kernel/http/route.ts';
import type { Config } from '../../kernel/settings/index.ts';
import type { ProviderKit } from '../providers/index.ts';
import { callRoutes } from './call-routes.ts';
import { listRoutes } from './list-routes.ts';
import { createMediaCheck, type MediaDeps } from './media/check.ts';
import { pictureRoute } from './picture-route.ts';
import type { WorkspaceDeps } from './service.ts';
import { workspaceRoutes } from './workspace-routes.ts';

export type { ModelEntry } from '../providers/index.ts';
export { groupDefaultModels } from './group-defaults.ts';
export { createModels, type Models, type ResolvedModel } from './models.ts';

export interface ModelRouteDeps extends Omit<WorkspaceDeps, 'unreadableFiles' | 'checkMedia'>, MediaDeps {
  config: Pick<Config, 'get'>;
  kit: ProviderKit;
}

/** Lists of models and the models of the workspace. */
export function modelRoutes(deps: ModelRouteDeps): Route[] {
  return [
    ...listRoutes(deps.models, deps.kit.providers, deps.settings.get('ENABLE_COMPRESSION_MIDDLEWARE')),
    ...callRoutes(deps.models, deps.kit),
    ...workspaceRoutes({ ...deps, unreadableFiles: deps.files.unreadable, checkMedia: createMediaCheck(deps) }),
    pictureRoute(deps),
  ];
}
