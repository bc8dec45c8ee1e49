import pino, { type DestinationStream, type Logger } from 'pino';

export type Log = Logger;

export interface LogOptions {
  /** DEBUG, INFO, WARNING, ERROR or CRITICAL; anything else is INFO. */
  level: string;
  /** `json`: one object per line; otherwise text lines. */
  format: string;
  /** Where lines go; standard output by default. */
  destination?: DestinationStream;
}

const LEVELS: Record<string, string> = {
  DEBUG: 'debug',
  INFO: 'info',
  WARNING: 'warn',
  ERROR: 'error',
  CRITICAL: 'fatal',
};
const NAMES: Record<number, string> = { 20: 'DEBUG', 30: 'INFO', 40: 'WARNING', 50: 'ERROR', 60: 'CRITICAL' };

/** The application log: JSON lines (`ts`, `level`, `msg`, `extra`, `error`) or text (configuration note, 14.1). */
export function createLog({ level, format, destination }: LogOptions): Log {
  const out = destination ?? pino.destination({ fd: 1, sync: false });
  return pino(
    {
      level: LEVELS[level.toUpperCase()] ?? 'info',
      base: null,
      redact: { paths: SECRETS, censor: '********' },
    },
    format.toLowerCase() === 'json'
      ? { write: (line) => out.write(jsonLine(line)) }
      : { write: (line) => out.write(textLine(line)) },
  );
}

const SECRETS = [
  'authorization',
  'cookie',
  'password',
  'key',
  'api_key',
  'token',
  'headers.authorization',
  'headers.cookie',
];

interface Entry {
  level: number;
  time: number;
  msg?: string;
  module?: string;
  err?: { type?: string; message?: string; stack?: string };
  [extra: string]: unknown;
}

function split(line: string): { entry: Entry; extra: Record<string, unknown> } {
  const entry = JSON.parse(line) as Entry;
  const { level: _level, time: _time, msg: _msg, module: _module, err: _err, ...extra } = entry;
  return { entry, extra };
}

function jsonLine(line: string): string {
  const { entry, extra } = split(line);
  const { err } = entry;
  return `${JSON.stringify({
    ts: new Date(entry.time).toISOString(),
    level: pino.levels.labels[entry.level] ?? 'info',
    msg: entry.msg ?? '',
    caller: entry.module ?? 'loggia',
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
    ...(err ? { error: { type: err.type, message: err.message, stacktrace: err.stack } } : {}),
  })}\n`;
}

function textLine(line: string): string {
  const { entry, extra } = split(line);
  const time = new Date(entry.time - new Date(entry.time).getTimezoneOffset() * 60_000).toISOString();
  const head = `${time.slice(0, 10)} ${time.slice(11, 23)} | ${(NAMES[entry.level] ?? 'INFO').padEnd(8)} | `;
  const more = Object.keys(extra).length > 0 ? ` - ${JSON.stringify(extra)}` : '';
  const trace = entry.err?.stack ? `\n${entry.err.stack}` : '';
  return `${head}${entry.module ?? 'loggia'} - ${entry.msg ?? ''}${more}${trace}\n`;
}
