import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { withTable } from '../scripts/compatibility.ts';

const document = readFileSync(join(import.meta.dirname, '../docs/compatibility.md'), 'utf8');

it('writes measured rows into the document and keeps the others', () => {
  const empty = document.replace(/(<!-- agreement.*?-->).*(<!-- \/agreement -->)/s, '$1\n$2');
  const first = withTable(empty, new Map([['chats', new Map([['sqlite', { good: 9, steps: 10 }]])]]));
  const second = withTable(
    first,
    new Map([
      ['auth', new Map([['sqlite', { good: 5, steps: 5 }]])],
      ['chats', new Map([['mysql', { good: 8, steps: 10 }]])],
    ]),
  );
  assert.match(
    second,
    /\| auth \| 5\/5 \| {2}\| {2}\|\n\| chats \| 9\/10 \| {2}\| 8\/10 \|\n\| \*\*all\*\* \| 14\/15 \|/,
  );
  assert.equal(second.replace(/(<!-- agreement.*?-->).*(<!-- \/agreement -->)/s, '$1\n$2'), empty);
});

it('refuses a document without a place for the table', () => {
  assert.throws(() => withTable('# nothing', new Map()), /lacks the marks/);
});
