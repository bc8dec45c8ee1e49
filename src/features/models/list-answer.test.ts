import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { ListAnswer } from './list-answer.ts';

describe('the answer with the list of models', () => {
  const answer = new ListAnswer('x'.repeat(1_000));

  it('comes packed as the client accepts it', () => {
    const cases: [string | undefined, string | null][] = [
      [undefined, null],
      ['', null],
      ['gzip, deflate, br, zstd', 'br'],
      ['gzip', 'gzip'],
      ['gzip;q=0.5', 'gzip'],
      ['br;q=0, gzip;q=1.0', 'gzip'],
      ['br;q=0.0,gzip;q=0', null],
      ['identity', null],
      ['brotli', null],
    ];
    for (const [accepted, expected] of cases) assert.equal(answer.encodingFor(accepted), expected, `${accepted}`);
    assert.equal(new ListAnswer('{}').encodingFor('br'), null);
  });

  it('is packed once', async () => {
    assert.equal(answer.packed('br'), answer.packed('br'));
    assert.equal(brotliDecompressSync(await answer.packed('br')).length, 1_000);
    assert.equal(gunzipSync(await answer.packed('gzip')).length, 1_000);
  });
});
