export { modelHistory } from './history.ts';
export { evaluationRoutes } from './routes.ts';
