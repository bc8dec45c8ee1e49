export { noteRoutes } from './routes.ts';
export type { NotesDeps } from './service.ts';
