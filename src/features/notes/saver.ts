import type { JsonObject } from '../../kernel/json.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { Notes } from './service.ts';

/** Stores what clients say a note now holds, a moment after they stopped saying it. */
export interface Saver {
  /** Takes the place of what waits for the same document. */
  save(documentId: string, noteId: string, userId: string, data: JsonObject): void;
  isWaiting(documentId: string): boolean;
  /** Stores all that waits. */
  flush(): Promise<void>;
}

interface SaverDeps {
  notes: Pick<Notes, 'saveData'>;
  log: Log;
  inOrder<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Runs after a save. */
  clearIfLeft(documentId: string): Promise<void>;
}

const WAIT_MS = 500;

interface Waiting {
  timer: NodeJS.Timeout;
  write(): Promise<void>;
}

export function createSaver({ notes, log, inOrder, clearIfLeft }: SaverDeps): Saver {
  const waiting = new Map<string, Waiting>();
  const writing = new Set<Promise<void>>();

  function start(documentId: string): void {
    const one = waiting.get(documentId);
    if (!one) return;
    clearTimeout(one.timer);
    waiting.delete(documentId);
    const work = inOrder(documentId, async () => {
      await one.write();
      await clearIfLeft(documentId);
    })
      .catch((error: unknown) => log.error({ err: error }, 'a note could not be saved'))
      .finally(() => writing.delete(work));
    writing.add(work);
  }

  return {
    save(documentId, noteId, userId, data) {
      clearTimeout(waiting.get(documentId)?.timer);
      waiting.set(documentId, {
        timer: setTimeout(() => start(documentId), WAIT_MS),
        write: () => notes.saveData(noteId, userId, data),
      });
    },
    isWaiting: (documentId) => waiting.has(documentId),
    async flush() {
      for (const documentId of [...waiting.keys()]) start(documentId);
      await Promise.all(writing);
    },
  };
}
