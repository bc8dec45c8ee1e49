import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Part } from '../../providers/index.ts';
import { createReply } from '../reply/reply.ts';
import { type JournalEntry, replay } from './replay.ts';

/** What a run would note of a stream, cut into pieces of the journal after every `each` chunks. */
function journalOf(chunks: readonly Part[][], each: number) {
  let ids = 0;
  const reply = createReply({ newId: (prefix) => `${prefix}_${ids++}`, now: () => 1 });
  const pieces: string[] = [];
  let entries: JournalEntry[] = [];
  for (const [index, parts] of chunks.entries()) {
    const events = reply.apply(parts);
    const isWhole = events.some(({ kind }) => kind === 'snapshot');
    for (const event of events) {
      if (event.kind === 'usage') entries.push({ type: 'usage', usage: event.usage });
      else if ((event.kind === 'delta' || event.kind === 'item') && !isWhole) entries.push(event.data);
    }
    if (isWhole) entries.push({ type: 'items', items: structuredClone([...reply.items]) });
    if ((index + 1) % each === 0) {
      pieces.push(JSON.stringify(entries));
      entries = [];
    }
  }
  return { reply, pieces: [...pieces, JSON.stringify(entries)] };
}

const text = (content: string): Part[] => [...content].map((char) => ({ type: 'text', text: char }));
const STREAMS: Record<string, Part[]> = {
  'plain text': text('Hello there, this is an answer.'),
  'native thoughts, then text': [
    { type: 'reasoning', text: 'I think. ' },
    { type: 'reasoning', text: 'So.' },
    ...text('Yes.'),
  ],
  'thoughts in tags': text('<think>First. Second.</think>The answer <b>is</b> 42.'),
  'text, then late thoughts': [...text('Said'), { type: 'reasoning', text: 'late' }, ...text(' and done')],
  'tool calls': [
    ...text('I ask.'),
    { type: 'tool_call', index: 0, id: 'call_a', name: 'add', arguments: '{"a"' },
    { type: 'tool_call', index: 1, id: 'call_b', name: 'sub', arguments: '{' },
    { type: 'tool_call', index: 0, arguments: ':1}' },
    { type: 'tool_call', index: 1, arguments: '}' },
    { type: 'usage', usage: { prompt_tokens: 3, completion_tokens: 4 } },
  ],
};

describe('a journal tells the reply it was written of', () => {
  for (const [name, parts] of Object.entries(STREAMS)) {
    it(name, () => {
      for (const each of [1, 3, 1_000]) {
        const { reply, pieces } = journalOf(
          parts.map((part) => [part]),
          each,
        );
        const told = replay(pieces);
        assert.deepEqual(told.items, JSON.parse(JSON.stringify(reply.items)));
        assert.deepEqual(told.usage, reply.usage);
      }
    });
  }

  it('up to the piece that was cut', () => {
    const { pieces } = journalOf(
      text('One two three').map((part) => [part]),
      4,
    );
    const told = replay([...pieces.slice(0, 2), '[{"type":"resp', ...pieces.slice(2)]);
    assert.deepEqual(
      told.items.map((item) => (item as { content: unknown }).content),
      [[{ type: 'output_text', text: 'One two ' }]],
    );
    assert.deepEqual(replay(['null', '{}']).items, []);
  });
});
