import { required, table, text } from '../columns.ts';
import type { Migration } from './index.ts';

/** Which account somebody at a provider had last time; `user.oauth` decides, and no index leads there. */
export const tables = {
  loggia_identity: table(
    { provider: required(text), subject: required(text), user_id: required(text) },
    { key: ['provider', 'subject'], indexes: [{ name: 'loggia_identity_user_idx', on: ['user_id'] }] },
  ),
};

export const migration: Migration = { id: '009-identities', tables };
