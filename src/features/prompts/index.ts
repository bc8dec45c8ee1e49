export { promptRoutes } from './routes.ts';
export type { PromptsDeps } from './service.ts';
