export { createDispatch } from './dispatch.ts';
export { notificationRoutes } from './routes.ts';
export { createSender } from './sender.ts';
