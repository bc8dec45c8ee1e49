export { createDocuments } from './documents.ts';
export { noteRoutes } from './routes.ts';
export { createNotes, type Notes } from './service.ts';
export { handleNoteSockets } from './sockets.ts';
