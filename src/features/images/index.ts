import type { Route } from '../../kernel/http/route.ts';
import { imageRoutes } from './routes.ts';
import { createImageService, type ImageService, type ImagesDeps } from './service.ts';
import { settingsRoutes } from './settings-routes.ts';

export type { ImagesDeps };

/** Pictures that engines make, for routes and for chats. */
export interface Images extends Pick<ImageService, 'generate' | 'edit' | 'mayGenerate' | 'mayEdit'> {
  routes: Route[];
}

export function createImages(deps: ImagesDeps): Images {
  const service = createImageService(deps);
  return {
    ...service,
    routes: [...settingsRoutes({ ...deps, modelChanged: () => service.selectModel() }), ...imageRoutes(service)],
  };
}
