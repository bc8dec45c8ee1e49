export { calendarRoutes } from './routes.ts';
export type { CalendarsDeps } from './service.ts';
