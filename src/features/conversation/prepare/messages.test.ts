import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addSystemText, addUserText, lastUserText, tidyMessages } from './messages.ts';

const parts = (...texts: string[]) => texts.map((text) => ({ type: 'text', text }));
const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } };

describe('messages of a provider request', () => {
  it('puts text into the system message, or makes one', () => {
    assert.deepEqual(addSystemText([{ role: 'user', content: 'x' }], 'S'), [
      { role: 'system', content: 'S' },
      { role: 'user', content: 'x' },
    ]);
    assert.deepEqual(addSystemText([{ role: 'system', content: 'own' }], 'S'), [{ role: 'system', content: 'S\nown' }]);
    assert.deepEqual(addSystemText([{ role: 'system', content: parts('a', 'b') }], 'S', 'after'), [
      { role: 'system', content: parts('a\nS', 'b\nS') },
    ]);
  });

  it('puts text into the last message of the user, or adds one', () => {
    assert.deepEqual(addUserText([{ role: 'user', content: 'q' }], 'C'), [{ role: 'user', content: 'C\nq' }]);
    assert.deepEqual(addUserText([{ role: 'assistant', content: 'a' }], 'C').at(-1), { role: 'user', content: 'C' });
  });

  it('makes one system message of several', () => {
    const messages = [
      { role: 'user', content: 'x' },
      { role: 'system', content: 'First.' },
      { role: 'system', content: parts('Second.') },
    ];
    assert.deepEqual(tidyMessages(messages), [
      { role: 'system', content: 'First.\nSecond.' },
      { role: 'user', content: 'x' },
    ]);
  });

  it('drops blank text beside other parts, but not the last part there is', () => {
    assert.deepEqual(tidyMessages([{ role: 'user', content: [...parts(' '), image] }]), [
      { role: 'user', content: [image] },
    ]);
    assert.deepEqual(tidyMessages([{ role: 'user', content: parts(' ') }]), [{ role: 'user', content: parts(' ') }]);
  });

  it('finds the last text of the user', () => {
    assert.equal(
      lastUserText([
        { role: 'user', content: [...parts('a', 'b'), image] },
        { role: 'assistant', content: 'c' },
      ]),
      'a\nb',
    );
    assert.equal(lastUserText([]), '');
  });
});
