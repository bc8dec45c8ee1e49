import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Connection, trialConnection } from './connections.ts';
import { createLists } from './lists.ts';

const log = { info: () => {}, warn: () => {} };

function connection(index: number, url = `http://${index}`): Connection {
  return { ...trialConnection('openai', url, '', {}), index, fingerprint: url };
}

/** Lists whose answers the test gives by hand. */
function scripted(maxAge: number | null = 60_000) {
  const asked: { url: string; answer: (list: string[]) => void; fail: () => void }[] = [];
  const lists = createLists<string>({
    log: log as never,
    maxAgeMs: () => maxAge,
    load: ({ url }) =>
      new Promise((resolve, reject) => asked.push({ url, answer: resolve, fail: () => reject(new Error('down')) })),
  });
  return { lists, asked };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('lists of connections', () => {
  it('are asked for at once, each connection once for all who wait', async () => {
    const { lists, asked } = scripted();
    const both = [connection(0), connection(1)];
    const waiting = [lists.get(both), lists.get(both)];
    assert.deepEqual(
      asked.map(({ url }) => url),
      ['http://0', 'http://1'],
    );
    asked[1]?.answer(['b']);
    asked[0]?.answer(['a']);
    assert.deepEqual(await Promise.all(waiting), [
      [['a'], ['b']],
      [['a'], ['b']],
    ]);
    assert.deepEqual(await lists.get(both), [['a'], ['b']]);
    assert.equal(asked.length, 2);
  });

  it('do not wait again for a connection that failed, and keep what others gave', async () => {
    const { lists, asked } = scripted();
    const both = [connection(0), connection(1)];
    const first = lists.get(both);
    asked[0]?.answer(['a']);
    asked[1]?.fail();
    assert.deepEqual(await first, [['a'], []]);
    assert.deepEqual(await lists.get(both), [['a'], []]);
    assert.equal(asked.length, 2);
  });

  it('stay while a connection that answered before fails', async () => {
    const { lists, asked } = scripted();
    const one = [connection(0)];
    const first = lists.get(one);
    asked[0]?.answer(['a']);
    await first;
    const refreshed = lists.get(one, true);
    asked[1]?.fail();
    assert.deepEqual(await refreshed, [['a']]);
  });

  it('are old at once and refreshed behind when their age is over', async () => {
    const { lists, asked } = scripted(0);
    const one = [connection(0)];
    const first = lists.get(one);
    asked[0]?.answer(['a']);
    await first;
    await new Promise((resolve) => setTimeout(resolve, 2));
    assert.deepEqual(await lists.get(one), [['a']]);
    assert.equal(asked.length, 2);
    asked[1]?.answer(['b']);
    await turn();
    assert.deepEqual(await lists.get(one), [['b']]);
  });

  it('are waited for after a change of settings, and when they were declared old', async () => {
    const { lists, asked } = scripted();
    const first = lists.get([connection(0)]);
    asked[0]?.answer(['a']);
    await first;
    const moved = lists.get([connection(0, 'http://elsewhere')]);
    asked[1]?.answer(['b']);
    assert.deepEqual(await moved, [['b']]);
    lists.expire();
    const again = lists.get([connection(0, 'http://elsewhere')]);
    asked[2]?.answer(['c']);
    assert.deepEqual(await again, [['c']]);
  });

  it('stay the same object while nothing changes', async () => {
    const { lists, asked } = scripted();
    const both = [connection(0), connection(1)];
    const first = lists.get(both);
    asked[0]?.answer(['a']);
    asked[1]?.fail();
    const [before, none] = await first;
    const refreshed = lists.get(both, true);
    asked[2]?.answer(['a']);
    asked[3]?.fail();
    const [after, still] = await refreshed;
    assert.equal(after, before);
    assert.equal(still, none);
  });
});
