export { type AnalyticsDeps, analyticsRoutes } from './routes.ts';
