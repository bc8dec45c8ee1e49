import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastRuns, listAutomations } from '../../src/features/automations/store.ts';
import * as store from '../../src/features/calendars/store.ts';
import { json } from '../../src/kernel/database/index.ts';
import { onEachDialect, openFresh } from './dialects.ts';

const start = 1_795_000_000_000_000_001n;

onEachDialect('calendars and automations', (dialect) => {
  test('show what lies in a time, and what one was asked to', async () => {
    const database = await openFresh(dialect);
    try {
      const { db } = database;
      const times = { created_at: 1n, updated_at: 1n };
      for (const id of ['me', 'you'])
        await db
          .insertInto('user')
          .values({ id, email: `${id}@x.y`, name: id })
          .execute();
      for (const [id, user_id] of [
        ['mine', 'me'],
        ['theirs', 'you'],
      ] as const) {
        await store.insertCalendar(db, {
          id,
          user_id,
          name: id,
          color: null,
          is_default: true,
          data: null,
          meta: null,
          ...times,
        });
      }
      const event = (
        id: string,
        calendar_id: string,
        start_at: bigint,
        end_at: bigint | null,
        rrule: string | null = null,
      ) =>
        store.insertEvent(db, {
          id,
          calendar_id,
          user_id: 'you',
          title: `Title ${id}`,
          description: null,
          start_at,
          end_at,
          all_day: false,
          rrule,
          color: null,
          location: '50% there',
          data: null,
          meta: null,
          is_cancelled: false,
          ...times,
        });
      await event('before', 'mine', start - 10n, start);
      await event('into', 'mine', start - 10n, start + 1n);
      await event('point', 'mine', start, null);
      await event('after', 'mine', start + 100n, null);
      await event('weekly', 'mine', 5n, null, 'FREQ=WEEKLY');
      await event('asked', 'theirs', start + 5n, null);
      await event('hidden', 'theirs', start + 5n, null);
      await database.transaction((tx) =>
        store.setAttendees(tx, 'asked', [
          { user_id: 'me', meta: { seat: 1 } },
          { user_id: 'nobody', meta: null },
        ]),
      );
      const viewer = { id: 'me', groupIds: new Set<string>() };
      const range = { start, end: start + 100n };
      const ids = async (calendarIds: string[] | null) =>
        (await store.eventsBetween(db, viewer, { ...range, calendarIds })).map((row) => row.id);
      assert.deepEqual(await ids(null), ['weekly', 'into', 'point', 'asked']);
      assert.deepEqual(await ids(['other']), ['asked']);
      assert.equal((await store.findEvent(db, 'point'))?.start_at, start);
      assert.deepEqual(
        (await store.attendeesOf(db, ['asked'])).get('asked')?.map((row) => [row.user_id, row.status, row.meta]),
        [['me', 'pending', { seat: 1 }]],
      );
      assert.equal(await store.answerInvitation(db, 'asked', 'me', 'declined'), true);
      assert.deepEqual(await ids(['mine']), ['weekly', 'into', 'point']);
      await database.transaction((tx) => store.setAttendees(tx, 'asked', [{ user_id: 'me', meta: null }]));
      assert.equal((await store.attendeesOf(db, ['asked'])).get('asked')?.[0]?.status, 'declined');
      assert.equal((await store.searchEvents(db, viewer, '50% TH', 0, 9)).total, 5);
      assert.equal((await store.searchEvents(db, viewer, '50_', 0, 9)).total, 0);
      await database.transaction((tx) => store.deleteCalendar(tx, 'theirs'));
      assert.equal((await db.selectFrom('calendar_event_attendee').selectAll().execute()).length, 0);
    } finally {
      await database.drop();
    }
  });

  test('list scheduled tasks with their last run', async () => {
    const database = await openFresh(dialect);
    try {
      const { db } = database;
      const times = { created_at: 1n, updated_at: 1n };
      const data = json({ prompt: 'Gr\u00fc\u00dfe 100%' });
      for (const id of ['a', 'b']) {
        await db
          .insertInto('automation')
          .values({ id, user_id: 'me', name: id, data, is_active: id === 'a', ...times })
          .execute();
      }
      for (const [id, at] of [
        ['r1', start],
        ['r2', start + 1n],
      ] as const) {
        await db
          .insertInto('automation_run')
          .values({ id, automation_id: 'a', status: 'success', created_at: at })
          .execute();
      }
      const list = async (query: string | null, active: boolean | null = null) =>
        (await listAutomations(db, { userId: 'me', query, active, folderId: null, page: 1 })).items.map(
          (row) => row.id,
        );
      assert.deepEqual(await list(null), ['a', 'b']);
      assert.deepEqual(await list('gr\u00fc\u00dfe 100%', false), ['b']);
      assert.deepEqual(await list('100_'), []);
      assert.equal((await lastRuns(db, ['a', 'b'])).get('a')?.id, 'r2');
    } finally {
      await database.drop();
    }
  });
});
