export { type AutomationsDeps, automationRoutes } from './routes.ts';
