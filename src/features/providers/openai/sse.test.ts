import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSseReader } from './sse.ts';

function read(chunks: (string | Buffer)[], limit?: number): { values: unknown[]; done: boolean; skipped: number } {
  const reader = createSseReader(limit ?? null);
  const values: unknown[] = [];
  for (const chunk of chunks) values.push(...reader.push(Buffer.from(chunk)));
  values.push(...reader.end());
  return { values, done: reader.done, skipped: reader.skipped };
}

describe('the reader of event streams', () => {
  it('gives the values of a chunk, whole events at a time', () => {
    const reader = createSseReader();
    assert.deepEqual(reader.push(Buffer.from('data: {"a":1}\n\ndata: {"a":2}\n\ndata: {"a"')), [{ a: 1 }, { a: 2 }]);
    assert.deepEqual(reader.push(Buffer.from(':3}\n\n')), [{ a: 3 }]);
    assert.equal(reader.done, false);
  });

  it('reads the same at every cut of the bytes', () => {
    const whole = Buffer.from(
      ': hello\r\nevent: x\r\nid: 7\r\ndata: {"t":"Grüße 😀"}\r\n\r\ndata:{"t":"日本"}\n\ndata: {"t":"ende"}\n\ndata: [DONE]\n\n',
    );
    const expected = [{ t: 'Grüße 😀' }, { t: '日本' }, { t: 'ende' }];
    for (let at = 0; at <= whole.length; at += 1) {
      const { values, done } = read([whole.subarray(0, at), whole.subarray(at)]);
      assert.deepEqual(values, expected, `cut at ${at}`);
      assert.equal(done, true);
    }
    assert.deepEqual(read([...whole].map((byte) => Buffer.of(byte))).values, expected);
  });

  it('joins the data lines of one event, and takes lines apart that are values of their own', () => {
    assert.deepEqual(read(['data: {"a":\ndata: 1}\n\n']).values, [{ a: 1 }]);
    assert.deepEqual(read(['data: {"a":1}\ndata: {"a":2}\n']).values, [{ a: 1 }, { a: 2 }]);
  });

  it('leaves out what is no JSON and goes on', () => {
    const { values, skipped } = read(['data: {not json\n\ndata: {"a":1}\n\ndata: nor this\ndata: {"a":2}\n\n']);
    assert.deepEqual(values, [{ a: 1 }, { a: 2 }]);
    assert.equal(skipped, 2);
  });

  it('reads bare JSON lines, and a last line without an end', () => {
    assert.deepEqual(read(['{"error":{"message":"no"}}\n{"a":1}']).values, [{ error: { message: 'no' } }, { a: 1 }]);
    assert.deepEqual(read(['data: {"a":1}']).values, [{ a: 1 }]);
  });

  it('ignores what follows the end mark', () => {
    const { values, done } = read(['data: [DONE]\n\ndata: {"a":1}\n\n', 'data: {"a":2}\n\n']);
    assert.deepEqual([values, done], [[], true]);
  });

  it('drops a line longer than the limit whole, wherever it was cut, and keeps the next', () => {
    const long = `data: {"t":"${'x'.repeat(500)}"}\n\n`;
    const next = 'data: {"a":1}\n\n';
    for (const chunks of [
      [long + next],
      [long.slice(0, 100), long.slice(100, 450), long.slice(450) + next],
      [...(long + next)],
    ]) {
      const { values, skipped } = read(chunks, 200);
      assert.deepEqual(values, [{ a: 1 }]);
      assert.equal(skipped, 1);
    }
    assert.equal(read([long], 600).values.length, 1);
  });

  it('does not keep the buffers it was given', () => {
    const reader = createSseReader();
    const chunk = Buffer.from('data: {"a":');
    reader.push(chunk);
    chunk.fill(0);
    assert.deepEqual(reader.push(Buffer.from('1}\n\n')), [{ a: 1 }]);
  });
});
