import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../../../kernel/database/index.ts';
import type { Bus } from '../../../kernel/realtime/index.ts';
import type { LiveReply } from '../../chats/index.ts';
import { allRuns, findRun, loadParts, type RunRow, runsInChats } from './journal-store.ts';
import type { Processes } from './processes.ts';
import type { RegisteredRun, Registry } from './registry.ts';
import { replay } from './replay.ts';
import { RunStopped } from './run.ts';

/** A run wherever it runs. */
export interface KnownRun {
  taskId: string;
  chatId: string;
  messageId: string;
  userId: string;
}

/** Runs of all processes: who runs, what they have said, and how they are stopped. */
export interface RunControl {
  inChat(chatId: string): Promise<KnownRun[]>;
  all(): Promise<KnownRun[]>;
  /** Resolves when what the run had is stored. False: there is no such run, or its process does not answer. */
  stop(taskId: string): Promise<boolean>;
  /** What replies in work have said, for a reader of the chat. */
  live(chatId: string): Promise<LiveReply[]>;
  active(chatIds: readonly string[]): Promise<Set<string>>;
  close(): void;
}

interface ControlDeps {
  database: Pick<Database, 'db'>;
  bus: Pick<Bus, 'publish' | 'subscribe' | 'shared'>;
  registry: Registry;
  processes: Pick<Processes, 'id' | 'others'>;
}

const TOPIC = 'run:stop';
/** How long another process may take to store what it has. */
const PATIENCE_MS = 15_000;
const LOOK_MS = 50;

export function createRunControl({ database: { db }, bus, registry, processes }: ControlDeps): RunControl {
  const unsubscribe = bus.subscribe(TOPIC, (message) => {
    const run = typeof message === 'string' ? registry.get(message) : undefined;
    if (run) void stopHere(run);
  });
  /** Whether runs may be elsewhere; the database knows those of stored chats. */
  const elsewhere = () => processes.others || bus.shared;
  const isElsewhere = (row: RunRow) => row.process_id !== processes.id;

  return {
    async inChat(chatId) {
      const here = registry.inChat(chatId).map(knownHere);
      if (!elsewhere()) return here;
      return [...here, ...(await runsInChats(db, [chatId])).filter(isElsewhere).map(knownRow)];
    },
    async all() {
      const here = registry.all().map(knownHere);
      if (!elsewhere()) return here;
      return [...here, ...(await allRuns(db)).filter(isElsewhere).map(knownRow)];
    },
    async stop(taskId) {
      const here = registry.get(taskId);
      if (here) {
        await stopHere(here);
        return true;
      }
      if (!elsewhere() || !(await findRun(db, taskId))) return false;
      bus.publish(TOPIC, taskId);
      for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_MS) {
        await pause(LOOK_MS);
        if (!(await findRun(db, taskId))) return true;
      }
      return false;
    },
    async live(chatId) {
      const here = registry.inChat(chatId).flatMap(({ run }): LiveReply[] => {
        const output = run.overlay();
        return output ? [{ messageId: run.turn.replyId, output }] : [];
      });
      if (!elsewhere()) return here;
      const others = (await runsInChats(db, [chatId])).filter(isElsewhere);
      const told = others.map(async ({ id, message_id: messageId }): Promise<LiveReply[]> => {
        const parts = await loadParts(db, id);
        // Nothing noted yet: the chat itself tells the reply.
        return parts.length === 0 ? [] : [{ messageId, output: replay(parts).items }];
      });
      return [...here, ...(await Promise.all(told)).flat()];
    },
    async active(chatIds) {
      const active = new Set(chatIds.filter((id) => registry.has(id)));
      if (!elsewhere()) return active;
      for (const { chat_id: id } of await runsInChats(db, chatIds)) active.add(id);
      return active;
    },
    close: unsubscribe,
  };
}

async function stopHere({ run, over }: RegisteredRun): Promise<void> {
  run.controller.abort(new RunStopped('user'));
  await over;
}

function knownHere({ run }: RegisteredRun): KnownRun {
  const { taskId, chatId, replyId, user } = run.turn;
  return { taskId, chatId, messageId: replyId, userId: user.id };
}

function knownRow({ id, chat_id, message_id, user_id }: RunRow): KnownRun {
  return { taskId: id, chatId: chat_id, messageId: message_id, userId: user_id };
}
