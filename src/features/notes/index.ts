export { createDocuments } from './documents.ts';
export { noteRoutes } from './routes.ts';
export { createNotes } from './service.ts';
export { handleNoteSockets } from './sockets.ts';
