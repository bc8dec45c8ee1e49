import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cutText, rankPassages, wordsOf } from './rank.ts';

const options = { size: 100, overlap: 0, count: 2 };
const paragraphs = ['whale facts', 'zebra facts', 'otter facts'].map((subject) => `${subject} `.repeat(8).trim());

describe('passages of a text', () => {
  it('are cut where the text has its joints, with what neighbours share', () => {
    assert.deepEqual(cutText(paragraphs.join('\n\n'), options), paragraphs);
    assert.deepEqual(cutText('x'.repeat(250), options), ['x'.repeat(100), 'x'.repeat(100), 'x'.repeat(50)]);
    const overlapping = cutText('x'.repeat(250), { size: 100, overlap: 50 });
    assert.deepEqual(
      overlapping.map(({ length }) => length),
      [100, 100, 100, 100],
    );
    assert.deepEqual(cutText('', options), []);
  });

  it('come in the order in which they fit, the others not at all', async () => {
    const found = await rankPassages(paragraphs.join('\n\n'), ['Zebra?'], options);
    assert.deepEqual(
      found.map(({ at }) => at),
      [1],
    );
    const two = await rankPassages([...paragraphs, 'zebra and whale'].join('\n\n'), ['whale zebra'], options);
    assert.equal(two.length, 2);
    assert.deepEqual(await rankPassages('abc', ['xyz'], options), []);
  });

  it('are compared by folded words, and pairs where there are no spaces', () => {
    assert.deepEqual(wordsOf('Ｚebra, ÄPFEL 7'), ['zebra', 'äpfel', '7']);
    assert.deepEqual(wordsOf('東京都'), ['東京', '京都']);
  });
});
