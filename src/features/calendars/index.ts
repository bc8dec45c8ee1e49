export { calendarRoutes } from './routes.ts';
export { type Calendars, createCalendars } from './service.ts';
