// Runs the tests: `node scripts/test.mjs [--coverage] [--only TEXT] [path …]`; without paths all of them. What was skipped is
// listed with its reason at the end; in CI (CI=1) a skipped test is a failure.
import { globSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { parseArgs } from 'node:util';

const root = resolve(import.meta.dirname, '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { coverage: { type: 'boolean', default: false }, only: { type: 'string' } },
});
const inCI = !['', '0', 'false'].includes(process.env.CI ?? '');
const patterns =
  positionals.length > 0 ? positionals : ['src/**/*.test.ts', 'tests/**/*.test.ts', 'bench/**/*.test.ts'];
const files = [...new Set(patterns.flatMap((pattern) => globSync(pattern, { cwd: root })))].sort();
if (files.length === 0) {
  console.error(`no test matches ${patterns.join(' ')}`);
  process.exit(2);
}

const skipped = [];
let failed = 0;
const events = run({
  cwd: root,
  files: files.map((file) => join(root, file)),
  concurrency: true,
  timeout: 300_000,
  ...(values.only ? { testNamePatterns: [values.only] } : {}),
  coverage: values.coverage,
  ...(values.coverage
    ? { coverageIncludeGlobs: ['src/**/*.ts'], coverageExcludeGlobs: ['**/*.test.ts', 'tests/**'] }
    : {}),
});
events.on('test:fail', ({ todo }) => {
  if (!todo) failed += 1;
});
events.on('test:pass', ({ name, skip, file }) => {
  if (skip) skipped.push({ name, file, reason: typeof skip === 'string' ? skip : 'no reason given' });
});
events.compose(new spec()).pipe(process.stdout);
events.on('end', () => {
  // The reporter prints its summary after the last event.
  process.on('exit', () => {
    if (skipped.length > 0) {
      console.log(`\n${skipped.length} skipped:`);
      for (const one of skipped) console.log(`  ${relative(root, one.file ?? '')}: ${one.name} (${one.reason})`);
      if (inCI) console.log('In CI nothing may be skipped: failed.');
    }
    if (failed > 0 || (inCI && skipped.length > 0)) process.exitCode = 1;
  });
});
