import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { it } from 'node:test';

const root = resolve(import.meta.dirname, '..');

it('docs/authorization.md says who may call what', () => {
  const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' };
  const actual = execFileSync(join(root, 'bin', 'loggia'), ['routes', '--markdown'], { env, encoding: 'utf8' });
  const written = readFileSync(join(root, 'docs/authorization.md'), 'utf8');
  assert.equal(written, actual, 'run: bin/loggia routes --markdown > docs/authorization.md');
});
