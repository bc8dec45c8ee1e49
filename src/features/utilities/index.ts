export { type UtilitiesDeps, utilityRoutes } from './routes.ts';
