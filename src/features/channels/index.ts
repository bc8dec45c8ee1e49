export { type ChannelLookup, createChannelLookup } from './lookup.ts';
export { channelRoutes } from './routes.ts';
export { createChannels } from './service.ts';
