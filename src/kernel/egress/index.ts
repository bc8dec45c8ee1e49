export { createEgress, type Egress, type Outgoing, type Reach } from './egress.ts';
export { AddressRefused, assertPublicUrl, type Guard } from './guard.ts';
export { BodyTooLarge, type Incoming } from './incoming.ts';
