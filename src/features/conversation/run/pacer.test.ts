import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { createPacer } from './pacer.ts';

/** Milliseconds: the longest time between two sendings while few stream, and how exact the clock of these tests is. */
const LONGEST_GAP_MS = 44 + 11;

/** A pacer on a clock that is moved by hand; each stream notes when it was told to send. */
function setUp() {
  mock.timers.enable({ apis: ['setTimeout'] });
  let time = 1_000;
  const pacer = createPacer({ now: () => time });
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
    assert.ok(sent.length >= 4 && sent.length <= 6, String(sent));
    for (const [index, at] of sent.slice(1).entries()) {
      const gap = at - (sent[index] as number);
      assert.ok(gap <= LONGEST_GAP_MS && (index === 0 || gap >= 40), `${gap} ms`);
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

  it('sends what few streams have in the same moments', () => {
    using test = setUp();
    const [one, other] = [test.stream(), test.stream()];
    one.pace.touch();
    test.forward(5);
    other.pace.touch();
    one.pace.touch();
    other.pace.touch();
    test.forward(100);
    assert.equal(one.sent.length, 2);
    assert.equal(other.sent.length, 2);
    assert.equal(one.sent[1], other.sent[1]);
  });

  it('waits anew after a sending from outside, and never sends after its end', () => {
    using test = setUp();
    const { sent, pace } = test.stream();
    pace.touch();
    test.forward(5);
    pace.touch();
    pace.sent();
    test.forward(100);
    assert.deepEqual(sent, [0]);
    pace.touch();
    pace.touch();
    assert.deepEqual(sent, [0, 105]);
    pace.end();
    test.forward(100);
    assert.deepEqual(sent, [0, 105]);
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
    await Promise.resolve();
    assert.equal(read, false);
    test.forward(LONGEST_GAP_MS);
    await due;
    pace.touch();
    assert.equal(sent.length, 2, 'what is read then goes out at once');
    const left = pace.due();
    pace.end();
    await left;
    await pace.due();
  });

  it('sends what a reader brings when it may read, whatever went out just before', async () => {
    using test = setUp();
    const { sent, pace } = test.stream();
    pace.touch();
    pace.touch();
    const due = pace.due();
    while (sent.length < 2) test.forward(1);
    await due;
    pace.touch();
    assert.equal(sent.length, 3, 'and so does what was read now, which would be a whole step late for ever');
    pace.touch();
    assert.equal(sent.length, 3, 'once');
    pace.end();
  });

  it('is slower, and spread, when there are many streams', () => {
    using test = setUp();
    const streams = Array.from({ length: 300 }, () => test.stream());
    for (const { pace } of streams) pace.touch();
    for (let i = 0; i < 1_000; i += 1) {
      for (const { pace } of streams) pace.touch();
      test.forward(1);
    }
    const times = streams.flatMap(({ sent }) => sent.slice(1));
    assert.ok(times.length <= 3_000 && times.length > 2_000, `${times.length} sendings in a second`);
    const together = Math.max(
      ...Map.groupBy(times, (at) => at)
        .values()
        .map((group) => group.length),
    );
    assert.ok(together <= 60, `${together} at once`);
    for (const { pace } of streams) pace.end();
  });
});
