import { required, seconds, table, text } from '../columns.ts';
import type { Migration } from './index.ts';

/** Running answers with their journal, signed-out tokens, and the processes that share the database. */
export const tables = {
  loggia_run: table(
    {
      id: required(text),
      chat_id: text,
      message_id: text,
      user_id: required(text),
      process_id: required(text),
      state: required(text),
      /** Journal of the reply, as JSON text. */
      data: text,
      started_at: required(seconds),
      updated_at: required(seconds),
    },
    {
      key: ['id'],
      indexes: [
        { name: 'loggia_run_chat_idx', on: ['chat_id'] },
        { name: 'loggia_run_process_idx', on: ['process_id'] },
      ],
    },
  ),
  loggia_revoked_token: table(
    { jti: required(text), user_id: text, expires_at: seconds },
    { key: ['jti'], indexes: [{ name: 'loggia_revoked_token_expires_idx', on: ['expires_at'] }] },
  ),
  loggia_process: table(
    { id: required(text), started_at: required(seconds), seen_at: required(seconds) },
    { key: ['id'] },
  ),
};

export const migration: Migration = { id: '001-runs-and-revocation', tables };
