export { type Bus, createLocalBus } from './bus.ts';
export { type CallOptions, CallTimeout, SocketGone } from './call.ts';
export type { LiveSocket, SocketUser } from './live-socket.ts';
export { openBus } from './open-bus.ts';
export { type Audience, createRealtime, type Realtime, type SocketHandler, type SocketInfo } from './realtime.ts';
