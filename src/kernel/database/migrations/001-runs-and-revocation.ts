import { integer, required, seconds, table, text } from '../columns.ts';
import type { Migration } from './index.ts';

/** Running answers with their journal, signed-out tokens, and the processes that share the database. */
export const tables = {
  loggia_run: table(
    {
      id: required(text),
      chat_id: required(text),
      message_id: required(text),
      user_id: required(text),
      process_id: required(text),
      started_at: required(seconds),
    },
    {
      key: ['id'],
      indexes: [
        { name: 'loggia_run_chat_idx', on: ['chat_id'] },
        { name: 'loggia_run_process_idx', on: ['process_id'] },
      ],
    },
  ),
  /** What a running reply has said so far, in pieces; each is JSON text. */
  loggia_run_part: table(
    { run_id: required(text), seq: required(integer), data: required(text) },
    { key: ['run_id', 'seq'] },
  ),
  loggia_revoked_token: table(
    { jti: required(text), user_id: text, expires_at: seconds },
    { key: ['jti'], indexes: [{ name: 'loggia_revoked_token_expires_idx', on: ['expires_at'] }] },
  ),
  loggia_process: table(
    {
      id: required(text),
      /** Names whose process table `pid` is an entry of: others can look there whether the process lives. */
      place: required(text),
      pid: required(integer),
      /** When the operating system started it, so that a number that is used again is told apart. */
      birth: required(text),
      started_at: required(seconds),
      seen_at: required(seconds),
    },
    { key: ['id'] },
  ),
};

export const migration: Migration = { id: '001-runs-and-revocation', tables };
