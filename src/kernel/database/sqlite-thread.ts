// The other side of `sqlite-background.ts`: runs statements on connections of its own, one after the other.
import { parentPort, workerData } from 'node:worker_threads';
import type { ThreadAnswer, ThreadQuestion } from './sqlite-background.ts';
import { BEGIN, type SqliteOptions, SqliteSession } from './sqlite-session.ts';

const options = workerData as SqliteOptions;
const sessions = new Map<string, SqliteSession>();

parentPort?.on('message', ({ id, session: name, sql, parameters }: ThreadQuestion) => {
  let answer: ThreadAnswer;
  try {
    let session = sessions.get(name);
    if (!session) {
      session = new SqliteSession(options);
      sessions.set(name, session);
    }
    // A full disk ends a transaction, the end of a thread too: what follows must not be committed by itself.
    if (name === 'writer' && sql !== BEGIN && !session.inTransaction) throw new Error('The transaction has ended.');
    const prepared = session.prepare(sql);
    if (name === 'reader' && !prepared.statement.readonly)
      throw new Error('Writes in the background need a transaction.');
    answer = { id, result: session.run({ sql, parameters }, prepared) };
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    answer = { id, error: { message, code: code ?? null } };
  }
  parentPort?.postMessage(answer);
});
