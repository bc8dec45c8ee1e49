interface DriverError {
  code?: string;
  errno?: number;
  message: string;
  constraint?: string;
  table?: string;
  detail?: string;
  sqlMessage?: string;
}

function asDriverError(error: unknown): DriverError | null {
  return error instanceof Error ? (error as DriverError) : null;
}

/**
 * What a unique violation was about: the constraint's name (PostgreSQL, MySQL) or `table.column, table.column` (SQLite);
 * null for any other error.
 */
export function uniqueViolation(error: unknown): string | null {
  const known = asDriverError(error);
  if (known?.code === 'SQLITE_CONSTRAINT_UNIQUE' || known?.code === 'SQLITE_CONSTRAINT_PRIMARYKEY') {
    return known.message.replace(/^UNIQUE constraint failed: /, '');
  }
  if (known?.code === '23505') return known.constraint ?? known.detail ?? known.message;
  if (known?.code === 'ER_DUP_ENTRY') return /for key '(?:[^.']*\.)?([^']+)'/.exec(known.message)?.[1] ?? known.message;
  return null;
}

const CONFLICTS = new Set(['40001', '40P01', '55P03', 'ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', 'ER_CHECKREAD']);

/** Whether the same transaction may succeed when it is tried again. */
export function isConflict(error: unknown): boolean {
  const code = asDriverError(error)?.code;
  return (
    code !== undefined && (CONFLICTS.has(code) || code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'))
  );
}

/** Whether a text does not fit its column; only some databases have columns of limited length. */
export function isTooLong(error: unknown): boolean {
  const code = asDriverError(error)?.code;
  return code === 'ER_DATA_TOO_LONG' || code === '22001';
}

const GONE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'EAI_AGAIN',
  'PROTOCOL_CONNECTION_LOST',
  'ER_SERVER_SHUTDOWN',
  'ER_CON_COUNT_ERROR',
  'SQLITE_CANTOPEN',
  '57P01',
  '57P02',
  '57P03',
  '53300',
]);

/** Whether the database cannot be reached or does not take work now. */
export function isUnavailable(error: unknown): boolean {
  const known = asDriverError(error);
  if (!known) return false;
  if (
    known.code !== undefined &&
    (GONE.has(known.code) || /^08\w{3}$/.test(known.code) || known.code.startsWith('SQLITE_IOERR'))
  ) {
    return true;
  }
  if (known instanceof AggregateError) return known.errors.some(isUnavailable);
  return /Connection terminated|timeout exceeded when trying to connect|Can't add new command when connection is in closed state|Pool is closed/.test(
    known.message,
  );
}
