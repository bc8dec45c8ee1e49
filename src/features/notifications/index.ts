export { createDispatch } from './dispatch.ts';
export { createNotify, type Notify } from './notify.ts';
export { notificationRoutes } from './routes.ts';
export { createSender } from './sender.ts';
