export { type Audit, createAudit } from './audit.ts';
export { auditOptions } from './options.ts';
