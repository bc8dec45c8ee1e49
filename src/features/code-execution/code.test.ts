import assert from 'node:assert/strict';
import { it } from 'node:test';
import { cleanCode, guardImports } from './code.ts';

it('takes fences and colour codes away', () => {
  assert.equal(cleanCode('```python\nprint(1)\nprint(2)\n```'), 'print(1)\nprint(2)');
  assert.equal(cleanCode('\u001b[31mprint(1)\u001b[0m'), 'print(1)');
  assert.equal(cleanCode('x = "```"'), 'x = "```"');
});

it('guards imports where modules are blocked, and takes names only', () => {
  assert.equal(guardImports('import os', []), 'import os');
  const guarded = guardImports('import os', ['os', 'a"b']);
  assert.match(guarded, /frozenset\(\["os"\]\)/);
  assert.ok(guarded.endsWith('\nimport os'));
});
