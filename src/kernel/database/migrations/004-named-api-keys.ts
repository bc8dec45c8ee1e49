import { jsonTextColumn, required, seconds, table, text } from '../columns.ts';
import type { Migration } from './index.ts';

/** API keys beyond the one of the reference: several for an account, each with a name, scopes and an end. */
export const tables = {
  loggia_api_key: table(
    {
      id: required(text),
      user_id: required(text),
      name: required(text),
      /** SHA-256 of the key, in hexadecimal: the key itself is nowhere. */
      hash: required(text),
      /** Its last characters, by which a person tells keys apart. */
      hint: required(text),
      /** List of texts; null: all that the account may do. */
      scopes: jsonTextColumn,
      expires_at: seconds,
      last_used_at: seconds,
      created_at: required(seconds),
      updated_at: required(seconds),
    },
    {
      key: ['id'],
      unique: [{ name: 'loggia_api_key_hash_key', on: ['hash'] }],
      indexes: [{ name: 'loggia_api_key_user_idx', on: ['user_id'] }],
    },
  ),
};

export const migration: Migration = { id: '004-named-api-keys', tables };
