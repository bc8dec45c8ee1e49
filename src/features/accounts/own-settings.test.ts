import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { User } from '../../kernel/http/principal.ts';
import { mergeSettings, permittedSettings, presentVariables, readVariables, withDefaults } from './own-settings.ts';

const user = { id: 'u', role: 'user' } as User;

describe('own settings', () => {
  it('replaces members, merges ui and lets null remove', () => {
    const stored = { ui: { theme: 'dark', models: ['m'] }, other: { a: 1 } };
    assert.deepEqual(mergeSettings(stored, { ui: { theme: null, x: 1 }, other: { b: 2 } }), {
      ui: { models: ['m'], x: 1 },
      other: { b: 2 },
    });
    assert.deepEqual(mergeSettings('broken', {}), { ui: {} });
  });

  it('drops what needs a permission the user lacks', async () => {
    const given = {
      ui: {
        widescreenMode: true,
        pinned: 1,
        system: 's',
        toolServers: [],
        notifications: { webhook_url: 'x', sound: 1 },
      },
      notifications: { a: 1 },
    };
    const kept = await permittedSettings(() => false, user, given);
    assert.deepEqual(kept, { ui: { pinned: 1, notifications: { sound: 1 } } });
    assert.deepEqual(await permittedSettings(() => true, user, given), given);
    assert.deepEqual(await permittedSettings(() => false, { ...user, role: 'admin' }, given), given);
  });

  it('puts the settings over the defaults', () => {
    const defaults = { wide: true, title: { auto: true, model: 'm' }, bubble: false };
    assert.deepEqual(withDefaults({ ui: { title: { auto: false }, bubble: true, wide: null }, x: 1 }, defaults), {
      ui: { wide: true, title: { auto: false, model: 'm' }, bubble: true },
      x: 1,
    });
    assert.deepEqual(withDefaults(null, defaults), { ui: defaults });
    assert.equal(withDefaults(null, {}), null);
  });

  it('checks variables', () => {
    assert.deepEqual(readVariables({ note_1: 'a\r\nb' }), { note_1: 'a\nb' });
    assert.throws(() => readVariables({ Role: 'x' }), { status: 400, detail: 'Invalid user variable key: Role' });
    assert.throws(() => readVariables({ a: 1 }), { detail: 'User variable must be a string: a' });
    assert.throws(() => readVariables({ a: 'x'.repeat(20_001) }), { detail: 'User variable is too long: a' });
    const many = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`v${i}`, 'x'.repeat(20_000)]));
    assert.throws(() => readVariables(many), { detail: 'User variables are too large.' });
    assert.deepEqual(presentVariables({ a: 'x', b: 2 }), { variables: { a: 'x' } });
  });
});
