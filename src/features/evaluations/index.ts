export { modelHistory } from './history.ts';
export { type EvaluationsDeps, evaluationRoutes } from './routes.ts';
