import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { it } from 'node:test';
import { settingsDocument } from '../src/kernel/settings/document.ts';
import { configKeys } from '../src/kernel/settings/index.ts';
import { variables } from '../src/kernel/settings/variables/index.ts';

const root = resolve(import.meta.dirname, '..');

it('docs/configuration.md says what the program declares', () => {
  const written = readFileSync(join(root, 'docs/configuration.md'), 'utf8');
  assert.equal(written, settingsDocument(), 'run: node scripts/settings-doc.ts');
});

it('every variable and every stored setting is in it', () => {
  const text = settingsDocument();
  for (const name of [...Object.keys(variables), ...Object.keys(configKeys)]) {
    assert.ok(text.includes(`| \`${name}\` |`), name);
  }
  // The reference has this many; none of them is lost.
  assert.ok(Object.keys(variables).length >= 947);
});
