export { skillRoutes } from './routes.ts';
export type { SkillsDeps } from './service.ts';
