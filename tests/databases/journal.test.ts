import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { createJournal } from '../../src/features/conversation/run/journal.ts';
import { loadParts } from '../../src/features/conversation/run/journal-store.ts';
import { type JournalEntry, replay } from '../../src/features/conversation/run/replay.ts';
import type { Database } from '../../src/kernel/database/index.ts';
import { onEachDialect, openFresh } from './dialects.ts';

const delta = (text: string): JournalEntry => ({
  type: 'response.output_text.delta',
  item_id: 'msg_1',
  output_index: 0,
  content_index: 0,
  delta: text,
});

onEachDialect('the journal', (dialect) => {
  let database: Awaited<ReturnType<typeof openFresh>>;
  before(async () => {
    database = await openFresh(dialect);
  });
  after(() => database?.drop());

  const log = { error: () => {}, warn: () => {} };
  const textOf = async (id: string) => {
    const [item] = replay(await loadParts(database.db, id)).items;
    return (item as { content?: { text: string }[] } | undefined)?.content?.[0]?.text ?? '';
  };
  const parts = async (id: string) => (await loadParts(database.db, id)).length;

  it('writes only what is new, once for all runs', async () => {
    let transactions = 0;
    const counted: Pick<Database, 'transaction'> = {
      transaction(work) {
        transactions += 1;
        return database.transaction(work);
      },
    };
    const journal = createJournal({ database: counted, log });
    const runs = ['a', 'b', 'c'].map((id) => journal.open({ id, chatId: `chat-${id}`, messageId: id }));
    for (let round = 0; round < 3; round += 1) {
      for (const run of runs) for (const word of ['one ', 'two ']) run.note(delta(word));
      await journal.write();
    }
    assert.equal(transactions, 3);
    assert.equal(await parts('a'), 3);
    assert.equal(await textOf('b'), 'one two one two one two ');
    await journal.write();
    assert.equal(transactions, 3);
    await journal.close();
  });

  it('loses and repeats nothing when writes fail, before or after their commit', async () => {
    const failures: ('before' | 'after' | null)[] = ['before', 'after', null, 'after', null];
    const flaky: Pick<Database, 'transaction'> = {
      async transaction(work) {
        const failure = failures.shift() ?? null;
        if (failure === 'before') throw new Error('the connection is gone');
        const result = await database.transaction(work);
        if (failure === 'after') throw new Error('the connection went with the answer');
        return result;
      },
    };
    const journal = createJournal({ database: flaky, log });
    const run = journal.open({ id: 'flaky', chatId: 'chat', messageId: 'm' });
    let said = '';
    for (let round = 0; round < 5; round += 1) {
      const word = `word${round} `;
      said += word;
      run.note(delta(word));
      await journal.write();
    }
    assert.equal(await textOf('flaky'), said);
    await journal.close();
  });

  it('writes nothing for a run that is closed', async () => {
    const journal = createJournal({ database, log });
    const run = journal.open({ id: 'closed', chatId: 'chat', messageId: 'm' });
    run.note(delta('kept'));
    await journal.write();
    run.note(delta(' not kept'));
    const writing = journal.write();
    await run.close();
    await writing;
    run.note(delta(' nor this'));
    await journal.write();
    assert.equal(await textOf('closed'), 'kept');
    await journal.close();
  });
});
