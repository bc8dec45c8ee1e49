import { integer, required, table, text } from '../columns.ts';
import type { Migration } from './index.ts';

/** How often something was tried lately, counted by all processes where there is no Redis. */
export const tables = {
  loggia_rate_limit: table(
    {
      /** Hash of what is limited: an address, a name. */
      id: required(text),
      /** Minutes since 1970. */
      minute: required(integer),
      hits: required(integer),
    },
    { key: ['id', 'minute'], indexes: [{ name: 'loggia_rate_limit_minute_idx', on: ['minute'] }] },
  ),
};

export const migration: Migration = { id: '006-rate-limits', tables };
