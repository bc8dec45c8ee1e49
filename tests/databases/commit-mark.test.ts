import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openDatabase } from '../../src/kernel/database/index.ts';
import { onEachDialect, openFresh, testOptions } from './dialects.ts';

onEachDialect('the commit mark', (dialect) => {
  it('changes with every commit of anybody, or is not told', async () => {
    const database = await openFresh(dialect);
    const other = openDatabase({ ...testOptions, url: database.url });
    const tell = (id: string) => ({ key: id, value: JSON.stringify(id) as never, updated_at: 1 });
    try {
      await database.ping();
      const marks = [database.commitMark()];
      if (dialect !== 'sqlite') {
        assert.deepEqual(marks, [null]);
        return;
      }
      assert.equal(database.commitMark(), marks[0]);
      await database.transaction(async (tx) => void (await tx.insertInto('config').values(tell('own')).execute()));
      marks.push(database.commitMark());
      await database.db.deleteFrom('config').where('key', '=', 'own').execute();
      marks.push(database.commitMark());
      await other.db.insertInto('config').values(tell('other')).execute();
      marks.push(database.commitMark());
      assert.equal(new Set(marks).size, 4, String(marks));
      assert.ok(marks.every((mark) => typeof mark === 'number'));
    } finally {
      await other.close();
      await database.close();
      await database.drop();
    }
  });
});
