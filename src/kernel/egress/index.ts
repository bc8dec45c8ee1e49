export { createEgress, type Egress } from './egress.ts';
export { assertPublicUrl } from './guard.ts';
export type { Incoming } from './incoming.ts';
