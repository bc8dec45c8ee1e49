import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fillTemplate } from './template.ts';

const say = (role: string, content: unknown) => ({ role, content });
const messages = [
  say('user', 'one'),
  say('assistant', 'two'),
  say('user', [{ type: 'text', text: 'three' }, { type: 'image_url' }]),
  say('assistant', 'four'),
];
const fill = (template: string) => fillTemplate(template, { messages });

describe('templates of tasks', () => {
  it('put the last text of the user in, whole or cut', () => {
    assert.equal(fill('{{prompt}}/{{PROMPT}}/{{prompt:start:2}}/{{prompt:end:2}}'), 'three/three/th/ee');
    assert.equal(fill('{{prompt:middletruncate:3}}/{{prompt:middletruncate:9}}'), 'th...e/three');
    assert.equal(fillTemplate('{{prompt}}', { messages, prompt: 'given' }), 'given');
  });

  it('put messages in, all or some, whole or cut', () => {
    assert.equal(fill('{{MESSAGES}}'), 'USER: one\nASSISTANT: two\nUSER: three\nASSISTANT: four');
    assert.equal(fill('{{MESSAGES:START:1}}'), 'USER: one');
    assert.equal(fill('{{MESSAGES:END:2}}'), 'USER: three\nASSISTANT: four');
    assert.equal(fill('{{MESSAGES:MIDDLETRUNCATE:3}}'), 'USER: one\nASSISTANT: two\nASSISTANT: four');
    assert.equal(fill('{{MESSAGES:END:2|start:1}}'), 'USER: t\nASSISTANT: f');
    assert.equal(fill('{{MESSAGES:END:0}}'), '');
  });

  it('merge replies in quotes', () => {
    assert.equal(fillTemplate('{{responses}}', { messages: [], responses: ['a', 'b'] }), '"""a"""\n\n"""b"""');
  });

  it('leave other variables, and those in what people wrote', () => {
    const written = [say('user', '{{MESSAGES}} $& {{prompt}}')];
    assert.equal(
      fillTemplate('{{prompt}}|{{OTHER}}|{{TYPE}}', { messages: written }),
      '{{MESSAGES}} $& {{prompt}}|{{OTHER}}|{{TYPE}}',
    );
  });
});
