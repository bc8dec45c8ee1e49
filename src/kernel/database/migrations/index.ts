import type { Table } from '../columns.ts';
import type { Dialect } from '../ddl.ts';
import { migration as runsAndRevocation } from './001-runs-and-revocation.ts';
import { migration as documents } from './002-documents.ts';
import { migration as singleSignOn } from './003-single-sign-on.ts';
import { migration as namedApiKeys } from './004-named-api-keys.ts';
import { migration as internalWork } from './005-internal-work.ts';
import { migration as rateLimits } from './006-rate-limits.ts';
import { migration as chatSearch } from './007-chat-search.ts';
import { migration as chatList } from './008-chat-list.ts';
import { migration as identities } from './009-identities.ts';

/** One additive step of Loggia's own schema. Never changed after its release; safe while the version before it still runs. */
export interface Migration {
  id: string;
  /** New tables; their names begin with `loggia_`. */
  tables: Record<string, Table>;
  /** Statements beside them, for what only one kind of database has. */
  statements?: Partial<Record<Dialect, readonly string[]>>;
}

/** In the order they are applied. */
export const migrations: readonly Migration[] = [
  runsAndRevocation,
  documents,
  singleSignOn,
  namedApiKeys,
  internalWork,
  rateLimits,
  chatSearch,
  chatList,
  identities,
];
