import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openFresh } from './dialects.ts';

it('many transactions at once let everything else have its turn, though SQLite never waits', async () => {
  const database = await openFresh('sqlite');
  try {
    await database.ping();
    let turns = 0;
    let done = false;
    const turn = () => {
      turns += 1;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    const text = JSON.stringify('v'.repeat(20_000)) as never;
    const many = Array.from({ length: 400 }, (_, id) =>
      database.transaction(
        async (tx) =>
          void (await tx
            .insertInto('config')
            .values({ key: `k${id}`, value: text, updated_at: 1 })
            .execute()),
      ),
    );
    await Promise.all(many);
    done = true;
    assert.ok(turns >= 3, `the event loop turned ${turns} times`);
  } finally {
    await database.close();
    await database.drop();
  }
});
