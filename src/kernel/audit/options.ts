import { type Settings, SettingsError } from '../settings/index.ts';

export type AuditLevel = 'METADATA' | 'REQUEST' | 'REQUEST_RESPONSE';

/** What is written down, and where (identity note, 18). */
export interface AuditOptions {
  level: AuditLevel;
  /** Null: no file. */
  file: { path: string; rotateAt: number } | null;
  stdout: boolean;
  /** Bytes of each body. */
  maxBody: number;
  reads: boolean;
  /** Paths that are written down although they are not among those always looked at. */
  covers(path: string): boolean;
  /** Lower-case name of the header that may carry an API key. */
  apiKeyHeader: string | null;
}

const LEVELS: readonly string[] = ['METADATA', 'REQUEST', 'REQUEST_RESPONSE'];

/** Null: nothing is to be written down. Throws SettingsError for a size or a path that makes no sense. */
export function auditOptions(settings: Settings): AuditOptions | null {
  const level = settings.get('AUDIT_LOG_LEVEL').trim().toUpperCase();
  const file = settings.get('ENABLE_AUDIT_LOGS_FILE');
  const stdout = settings.get('ENABLE_AUDIT_STDOUT');
  if (!isLevel(level) || !(file || stdout)) return null;
  const included = settings.get('AUDIT_INCLUDED_PATHS');
  const matchesIncluded = pathsOf('AUDIT_INCLUDED_PATHS', included);
  const matchesExcluded = pathsOf('AUDIT_EXCLUDED_PATHS', settings.get('AUDIT_EXCLUDED_PATHS'));
  return {
    level,
    stdout,
    file: file
      ? { path: settings.get('AUDIT_LOGS_FILE_PATH'), rotateAt: sizeOf(settings.get('AUDIT_LOG_FILE_ROTATION_SIZE')) }
      : null,
    maxBody: Math.max(0, settings.get('MAX_BODY_LOG_SIZE')),
    reads: settings.get('ENABLE_AUDIT_GET_REQUESTS'),
    covers: (path) => (matchesIncluded ? matchesIncluded(path) : !matchesExcluded?.(path)),
    apiKeyHeader: settings.get('CUSTOM_API_KEY_HEADER').trim().toLowerCase() || null,
  };
}

function isLevel(text: string): text is AuditLevel {
  return LEVELS.includes(text);
}

/** Entries are pieces of patterns, as in `/chats/[^/]+/share`; null where there are none. */
function pathsOf(name: string, entries: readonly string[]): ((path: string) => boolean) | null {
  const pieces = entries.map((entry) => entry.trim().replace(/^\/+/, '')).filter((entry) => entry !== '');
  if (pieces.length === 0) return null;
  try {
    const pattern = new RegExp(`^/api(?:/v1)?/(?:${pieces.join('|')})\\b`);
    return (path) => pattern.test(path);
  } catch (error) {
    throw new SettingsError([`${name}: ${error instanceof Error ? error.message : 'not a pattern'}`]);
  }
}

const UNITS: Record<string, number> = { '': 1, k: 1_000, m: 1_000_000, g: 1_000_000_000 };
const BINARY_UNITS: Record<string, number> = { k: 1_024, m: 1_048_576, g: 1_073_741_824 };

/** Bytes of `10MB`, `512 KiB` or `1000000`. */
export function sizeOf(text: string): number {
  const [, digits, unit = '', binary] = /^\s*(\d+(?:\.\d+)?)\s*([kmg]?)(i?)b?\s*$/i.exec(text) ?? [];
  const factor = (binary ? BINARY_UNITS : UNITS)[unit.toLowerCase()];
  const bytes = Math.floor(Number(digits) * (factor ?? Number.NaN));
  if (Number.isFinite(bytes) && bytes > 0) return bytes;
  throw new SettingsError([`AUDIT_LOG_FILE_ROTATION_SIZE: expected a size such as 10MB, got ${JSON.stringify(text)}`]);
}
