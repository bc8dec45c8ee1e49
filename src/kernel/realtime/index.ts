export { type Bus, createLocalBus } from './bus.ts';
export type { Audience, Realtime } from './realtime.ts';
