import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { sql } from 'kysely';
import { uniqueViolation } from '../../src/kernel/database/index.ts';
import { onEachDialect, openFresh } from './dialects.ts';

const ROUNDS = 20;

onEachDialect('the database in the background', (dialect) => {
  test('takes turns with the other writers, and reads what they committed', async () => {
    const database = await openFresh(dialect);
    try {
      const row = (id: string) => ({ id, user_id: 'u', name: id });
      const write = (on: Pick<typeof database, 'transaction'>, id: string) =>
        on.transaction(async (tx) => {
          await tx.insertInto('tag').values(row(id)).execute();
          await tx.updateTable('tag').set({ name: 'named' }).where('id', '=', id).execute();
        });
      const rounds = Array.from({ length: ROUNDS }, (_, n) => n);
      await Promise.all(rounds.flatMap((n) => [write(database, `main${n}`), write(database.background, `behind${n}`)]));
      for (const { db } of [database, database.background]) {
        const tags = await db.selectFrom('tag').select('id').where('name', '=', 'named').execute();
        assert.equal(tags.length, 2 * ROUNDS);
      }
    } finally {
      await database.drop();
    }
  });

  test('undoes what fails, tells why, and goes on', async () => {
    const database = await openFresh(dialect);
    try {
      const { background } = database;
      const add = (id: string) =>
        background.transaction((tx) => tx.insertInto('tag').values({ id, user_id: 'u', name: id }).execute());
      await add('a');
      await assert.rejects(add('a'), (error) => uniqueViolation(error) !== null);
      await assert.rejects(
        background.transaction(async (tx) => {
          await tx.deleteFrom('tag').execute();
          throw new Error('changed my mind');
        }),
        /changed my mind/,
      );
      await add('b');
      const tags = await database.db.selectFrom('tag').select('id').orderBy('id').execute();
      assert.deepEqual(
        tags.map(({ id }) => id),
        ['a', 'b'],
      );
      if (dialect === 'sqlite') await assert.rejects(sql`DELETE FROM tag`.execute(background.db), /need a transaction/);
    } finally {
      await database.drop();
    }
  });

  if (dialect !== 'sqlite') return;

  test('commits nothing of a transaction that has ended beneath its work', async () => {
    const database = await openFresh(dialect);
    try {
      const work = database.background.transaction(async (tx) => {
        await sql`ROLLBACK`.execute(tx);
        await tx.insertInto('tag').values({ id: 'late', user_id: 'u', name: 'late' }).execute();
      });
      await assert.rejects(work, /transaction has ended/);
      assert.deepEqual(await database.db.selectFrom('tag').select('id').execute(), []);
    } finally {
      await database.drop();
    }
  });

  test('leaves no file open when it is closed in the middle of a transaction', async () => {
    const database = await openFresh(dialect);
    const begun = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    const work = database.background.transaction(async (tx) => {
      await tx.insertInto('tag').values({ id: 'a', user_id: 'u', name: 'a' }).execute();
      begun.resolve();
      await closed.promise;
      await tx.insertInto('tag').values({ id: 'b', user_id: 'u', name: 'b' }).execute();
    });
    await begun.promise;
    const refused = assert.rejects(work, /closed|has ended/);
    const closing = database.drop();
    closed.resolve();
    await Promise.all([refused, closing]);
    const path = database.url.slice('sqlite:///'.length);
    const open = readdirSync('/proc/self/fd').map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    });
    assert.deepEqual(
      open.filter((target) => target.startsWith(path)),
      [],
    );
  });
});
