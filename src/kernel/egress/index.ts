export { createEgress, type Egress, type Outgoing } from './egress.ts';
export { formBody } from './form-body.ts';
export { assertPublicUrl } from './guard.ts';
export type { Incoming } from './incoming.ts';
export { refusalText } from './refusal.ts';
export { SocketRefused } from './web-socket.ts';
