export { type EvaluationsDeps, evaluationRoutes } from './routes.ts';
