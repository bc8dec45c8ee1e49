/** Writes docs/configuration.md from the declared settings. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { settingsDocument } from '../src/kernel/settings/document.ts';

const docs = join(resolve(import.meta.dirname, '..'), 'docs');
mkdirSync(docs, { recursive: true });
writeFileSync(join(docs, 'configuration.md'), settingsDocument());
