export { channelRoutes } from './routes.ts';
export type { ChannelsDeps } from './service.ts';
