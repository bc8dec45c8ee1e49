export { type Bus, createLocalBus } from './bus.ts';
export { CallTimeout, SocketGone } from './call.ts';
export type { LiveSocket } from './live-socket.ts';
export { memoryAge } from './memory-age.ts';
export { openBus } from './open-bus.ts';
export { createRealtime, type Realtime, type SocketInfo } from './realtime.ts';
