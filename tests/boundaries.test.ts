import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readImports, violations } from '../scripts/boundaries.ts';

const check = (files: Record<string, string>) =>
  violations(
    Object.entries(files).map(([path, text]) => readImports(path, text)),
    new Set(['a-dev-tool']),
  );

describe('import boundaries', () => {
  it('allows the kernel, own files, and the index of other features', () => {
    const found = check({
      'src/app.ts': `import { routes } from './features/chats/index.ts';`,
      'src/features/chats/routes.ts': `import { route } from '../../kernel/http/route.ts';\nimport {\n  store,\n} from './deep/store.ts';\nexport { find } from '../accounts/index.ts';`,
      'src/features/chats/deep/store.ts': `import type { Row } from '../table.ts';`,
      'src/features/chats/chats.test.ts': `import x from 'a-dev-tool';`,
    });
    assert.deepEqual(found, []);
  });

  it('finds each broken rule', () => {
    const cases: [from: string, code: string, rule: RegExp][] = [
      ['src/kernel/http/a.ts', `import type { A } from '../../features/chats/index.ts';`, /kernel knows no feature/],
      ['src/kernel/http/a.ts', `const a = () => import('../../app.ts');`, /kernel knows no feature/],
      ['src/features/a/b.ts', `import { c } from '../b/store.ts';`, /only through their index/],
      ['src/app.ts', `export { c } from './features/b/store.ts';`, /only through their index/],
      ['src/features/a/b.ts', `import { createApp } from '../../app.ts';`, /composition root/],
      ['src/features/a/b.ts', `import '../../../tests/support/wait.ts';`, /no test code/],
      ['src/features/a/b.ts', `import x from 'a-dev-tool/sub';`, /only development/],
    ];
    for (const [from, code, rule] of cases) assert.match(check({ [from]: code }).join('\n'), rule, code);
  });

  it('finds circles of values, not of types or of imports on demand', () => {
    const ring = (third: string) => ({
      'src/kernel/a.ts': `import { b } from './b.ts';\nexport const a = b;`,
      'src/kernel/b.ts': `import { c } from './c.ts';\nexport const b = c;`,
      'src/kernel/c.ts': third,
    });
    assert.deepEqual(check(ring(`import { a } from './a.ts';\nexport const c = a;`)), [
      'src/kernel/a.ts -> src/kernel/b.ts -> src/kernel/c.ts -> src/kernel/a.ts: circle',
    ]);
    assert.deepEqual(check(ring(`import type { A } from './a.ts';\nexport const c = 1 as unknown as A;`)), []);
    assert.deepEqual(check(ring(`export const c = () => import('./a.ts');`)), []);
  });
});
