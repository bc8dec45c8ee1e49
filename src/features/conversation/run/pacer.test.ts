import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { createPacer } from './pacer.ts';

/** A pacer on a clock that is moved by hand; each stream notes when it was told to send. */
function setUp() {
  mock.timers.enable({ apis: ['setInterval'] });
  let time = 1_000;
  const pacer = createPacer({ everyMs: 40, now: () => time });
  const forward = (ms: number) => {
    for (let i = 0; i < ms; i += 1) {
      time += 1;
      mock.timers.tick(1);
    }
  };
  const stream = () => {
    const sent: number[] = [];
    return { sent, pace: pacer.join({ flush: () => void sent.push(time - 1_000) }) };
  };
  return { forward, stream, [Symbol.dispose]: () => mock.timers.reset() };
}

describe('the pace of a stream', () => {
  it('sends the first piece at once and what follows in steps', () => {
    using test = setUp();
    const { sent, pace } = test.stream();
    for (let i = 0; i < 200; i += 1) {
      pace.touch();
      test.forward(1);
    }
    assert.equal(sent[0], 0);
    for (const [index, at] of sent.slice(1).entries()) {
      const gap = at - (sent[index] as number);
      assert.ok(gap >= 40 && gap <= 51, `${gap} ms`);
    }
    pace.end();
  });

  it('sends at once again after a rest', () => {
    using test = setUp();
    const { sent, pace } = test.stream();
    pace.touch();
    test.forward(100);
    pace.touch();
    assert.deepEqual(sent, [0, 100]);
  });

  it('lets streams go their own ways', () => {
    using test = setUp();
    const [one, other] = [test.stream(), test.stream()];
    one.pace.touch();
    test.forward(15);
    other.pace.touch();
    one.pace.touch();
    other.pace.touch();
    test.forward(100);
    assert.equal(one.sent.length, 2);
    assert.equal(other.sent.length, 2);
    assert.ok((other.sent[1] as number) > (one.sent[1] as number));
  });

  it('waits anew after a sending from outside, and never sends after its end', () => {
    using test = setUp();
    const { sent, pace } = test.stream();
    pace.touch();
    test.forward(30);
    pace.touch();
    pace.sent();
    pace.touch();
    test.forward(30);
    assert.deepEqual(sent, [0]);
    pace.end();
    test.forward(100);
    assert.deepEqual(sent, [0]);
  });

  it('lets readers wait until something would be sent at once', async () => {
    using test = setUp();
    const { sent, pace } = test.stream();
    await pace.due();
    pace.touch();
    let read = false;
    const due = pace.due().then(() => {
      read = true;
    });
    test.forward(30);
    await Promise.resolve();
    assert.equal(read, false);
    test.forward(20);
    await due;
    pace.touch();
    assert.equal(sent.length, 2, 'what is read then goes out at once');
    const left = pace.due();
    pace.end();
    await left;
    await pace.due();
  });

  it('is slower when there are many streams', () => {
    using test = setUp();
    const streams = Array.from({ length: 300 }, () => test.stream());
    for (const { pace } of streams) pace.touch();
    for (let i = 0; i < 1_000; i += 1) {
      for (const { pace } of streams) pace.touch();
      test.forward(1);
    }
    const total = streams.reduce((sum, { sent }) => sum + sent.length - 1, 0);
    assert.ok(total <= 3_000 && total > 2_000, `${total} sendings in a second`);
    for (const { pace } of streams) pace.end();
  });
});
