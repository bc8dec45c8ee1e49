import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { relayStream } from './relay-stream.ts';

const never = (error: unknown) => assert.fail(`broken: ${error}`);

describe('a relayed stream', () => {
  it('passes the bytes on behind its head', async () => {
    const source = Readable.from([Buffer.from('a'), Buffer.from('b')], { objectMode: false });
    assert.equal(await text(relayStream(source, { head: 'h', onBroken: never })), 'hab');
  });

  it('tells the reader when the source breaks off', async () => {
    const source = new PassThrough();
    const errors: unknown[] = [];
    const relayed = relayStream(source, { onBroken: (error) => errors.push(error) });
    source.once('data', () => setImmediate(() => source.destroy(new Error('gone'))));
    source.write('data: half');
    const got = await text(relayed);
    assert.match(got, /^data: half\n\ndata: \{"error".*\}\n\ndata: \[DONE\]\n\n$/);
    assert.equal(errors.length, 1);
  });

  it('counts a close without an end as a break', async () => {
    const source = new PassThrough();
    let told = 0;
    const relayed = relayStream(source, { onBroken: () => told++ });
    source.destroy();
    assert.match(await text(relayed), /stream failed/);
    assert.equal(told, 1);
  });

  it('ends the source when the reader goes away, without complaint', async () => {
    const source = new PassThrough();
    const relayed = relayStream(source, { onBroken: never });
    relayed.resume();
    source.write('x');
    relayed.destroy();
    await new Promise((resolve) => source.once('close', resolve));
    assert.equal(source.destroyed, true);
  });

  it('reads no faster than it is read', async () => {
    let made = 0;
    const source = new Readable({
      read() {
        made += 1;
        this.push(made > 200 ? null : Buffer.alloc(16_384));
      },
    });
    const relayed = relayStream(source, { onBroken: never });
    relayed.once('readable', () => {});
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(made < 50, `${made} chunks were made with nobody reading`);
    let bytes = 0;
    for await (const chunk of relayed) bytes += (chunk as Buffer).length;
    assert.equal(bytes, 200 * 16_384);
  });
});
