import assert from 'node:assert/strict';
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
});
