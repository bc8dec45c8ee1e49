import type { Database } from '../../../kernel/database/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import { type RowFields, writeReplyRow } from '../../chats/index.ts';
import { samePlace } from '../reply/output.ts';
import { appendParts, type JournalPart } from './journal-store.ts';
import type { JournalEntry } from './replay.ts';

/** Milliseconds between two writes. Below a second, so that with the write itself nothing shown for a second is missing. */
const EVERY_MS = 800;

/** The journal of one run: what it notes is in the database soon after. */
export interface RunJournal {
  note(entry: JournalEntry): void;
  /** Fields of the reply that go to its row with the next write; the latest value of each counts. */
  field(fields: RowFields): void;
  /** Nothing more is written for this run, also no write that is under way. */
  close(): Promise<void>;
}

export interface Journal {
  open(run: { id: string; chatId: string; messageId: string }): RunJournal;
  /** Writes what is waiting now. */
  write(): Promise<void>;
  close(): Promise<void>;
}

interface Open {
  id: string;
  chatId: string;
  messageId: string;
  seq: number;
  waiting: JournalEntry[];
  /** Pieces of a write that failed, perhaps after its commit: they go again as they were. */
  unsure: JournalPart[];
  fields: RowFields | null;
}

interface JournalDeps {
  database: Pick<Database, 'transaction'>;
  log: Pick<Log, 'error' | 'warn'>;
}

/** Notes what running replies have said: one transaction for all runs of the process, each time only what is new. */
export function createJournal({ database, log }: JournalDeps): Journal {
  const open = new Set<Open>();
  const changed = new Set<Open>();
  let writing: Promise<void> | null = null;
  let timer: NodeJS.Timeout | undefined;
  let failing = false;

  function due(run: Open): void {
    if (!open.has(run)) return;
    changed.add(run);
    timer ??= setTimeout(() => void write(), EVERY_MS);
  }

  /** Never rejects: what could not be written stays and goes with the next write. */
  function write(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    writing = (writing ?? Promise.resolve()).then(writeOnce);
    return writing;
  }

  async function writeOnce(): Promise<void> {
    const batch = [...changed].map((run) => ({ run, fields: run.fields }));
    changed.clear();
    if (batch.length === 0) return;
    for (const { run } of batch) {
      run.fields = null;
      if (run.waiting.length === 0) continue;
      run.seq += 1;
      run.unsure.push({ run_id: run.id, seq: run.seq, data: JSON.stringify(run.waiting) });
      run.waiting = [];
    }
    try {
      await database.transaction(async (tx) => {
        await appendParts(
          tx,
          batch.flatMap(({ run }) => run.unsure),
        );
        for (const { run, fields } of batch) if (fields) await writeReplyRow(tx, run.chatId, run.messageId, fields);
      });
      for (const { run } of batch) run.unsure = [];
      if (failing) log.warn('the journal of running replies is written again');
      failing = false;
    } catch (error) {
      if (!failing) log.error({ err: error }, 'the journal of running replies cannot be written; it is tried again');
      failing = true;
      for (const { run, fields } of batch) {
        run.fields = fields || run.fields ? { ...fields, ...run.fields } : null;
        due(run);
      }
    }
  }

  return {
    open({ id, chatId, messageId }) {
      const run: Open = { id, chatId, messageId, seq: 0, waiting: [], unsure: [], fields: null };
      open.add(run);
      return {
        note(entry) {
          const last = run.waiting.at(-1);
          if (last && isDelta(last) && isDelta(entry) && samePlace(last, entry)) last.delta += entry.delta;
          else run.waiting.push(isDelta(entry) ? { ...entry } : entry);
          due(run);
        },
        field(fields) {
          run.fields = { ...run.fields, ...fields };
          due(run);
        },
        async close() {
          open.delete(run);
          changed.delete(run);
          await writing;
          changed.delete(run);
        },
      };
    },
    write,
    async close() {
      await write();
      clearTimeout(timer);
    },
  };
}

type Delta = Extract<JournalEntry, { delta: string }>;

function isDelta(entry: JournalEntry): entry is Delta {
  return 'delta' in entry;
}
