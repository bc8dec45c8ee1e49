import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { goBack, localIso } from './time.ts';

const at = (iso: string) => new Date(iso);

describe('times for models', () => {
  it('go back by the calendar', () => {
    const back = (from: string, args: object) => goBack(at(from), { ...args }).toISOString();
    assert.equal(back('2026-03-31T10:00:00Z', { months_ago: 1 }), '2026-02-28T10:00:00.000Z');
    assert.equal(back('2024-02-29T10:00:00Z', { years_ago: 1 }), '2023-02-28T10:00:00.000Z');
    assert.equal(back('2026-01-05T10:00:00Z', { days_ago: 3, weeks_ago: '1' }), '2025-12-26T10:00:00.000Z');
    assert.equal(back('2026-01-05T10:00:00Z', {}), '2026-01-05T10:00:00.000Z');
    assert.throws(() => goBack(at('2026-01-05T10:00:00Z'), { years_ago: 1e12 }), RangeError);
  });

  it('are told in the zone of the user, where it is one', () => {
    assert.equal(localIso(at('2026-07-01T10:00:00Z'), 'Europe/Stockholm'), '2026-07-01T12:00:00+02:00');
    assert.equal(localIso(at('2026-07-01T00:30:00Z'), 'UTC'), '2026-07-01T00:30:00+00:00');
    assert.equal(localIso(at('2026-07-01T10:00:00Z'), 'Nowhere/Land'), null);
    assert.equal(localIso(at('2026-07-01T10:00:00Z'), null), null);
  });
});
