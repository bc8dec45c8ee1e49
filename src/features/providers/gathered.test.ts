import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { it } from 'node:test';
import { gathered } from './gathered.ts';

it('what comes between two reads is one piece', async () => {
  const source = new PassThrough();
  const pieces = ['b', 'c', 'd', null];
  const seen: string[] = [];
  source.write('a');
  const rest = async () => {
    // Two network chunks arrive while the reader rests.
    for (const piece of pieces.splice(0, 2)) {
      if (piece === null) source.end();
      else source.write(piece);
    }
  };
  for await (const bytes of gathered(source, rest)) seen.push(bytes.toString());
  assert.deepEqual(seen, ['a', 'bc', 'd']);
});

it('a reader that is behind does not rest', async () => {
  const source = new PassThrough({ highWaterMark: 1 << 20 });
  let rests = 0;
  source.end(Buffer.alloc(100_000));
  let bytes = 0;
  const rest = async () => {
    rests += 1;
  };
  for await (const piece of gathered(source, rest)) bytes += piece.length;
  assert.equal(bytes, 100_000);
  assert.equal(rests, 0);
});
