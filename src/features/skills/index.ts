export { skillRoutes } from './routes.ts';
