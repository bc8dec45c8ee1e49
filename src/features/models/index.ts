import type { Route } from '../../kernel/http/route.ts';
import type { Providers } from '../providers/index.ts';
import { listRoutes } from './list-routes.ts';
import type { Models } from './models.ts';

export type { ModelEntry } from '../providers/index.ts';
export type { FunctionItem, ModelFunctions } from './functions.ts';
export { createModels, type Models, type ModelsDeps, type ResolvedModel } from './models.ts';
export type { ModelRow } from './store.ts';

/** Lists of models and the models of the workspace. */
export function modelRoutes(models: Models, providers: Providers): Route[] {
  return listRoutes(models, providers);
}
