import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Loggia's own version, as its package says. */
export function ownVersion(): string {
  const text = readFileSync(join(import.meta.dirname, '../package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
