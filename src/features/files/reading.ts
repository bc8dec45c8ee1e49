import { createHash } from 'node:crypto';
import type { Database } from '../../kernel/database/index.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Storage } from '../../kernel/storage/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { changeFile, type FileRow, findFile, unfinishedSince } from './store.ts';
import { readText, UnreadableError } from './text.ts';

interface ReadingDeps {
  database: Database;
  storage: Storage;
  log: Pick<Log, 'error'>;
  attach(user: User, file: { id: string; hash: string | null }, metadata: JsonObject): Promise<void>;
  findUser(id: string): Promise<User | null>;
  transcribe: Transcribe;
}

/** What is said in a recording of a user; null for a file of another kind. Throws HttpError with the text for its row. */
export type Transcribe = (
  owner: User,
  recording: { path: string; type: string },
  signal: AbortSignal,
) => Promise<string | null>;

/** Files read at a time. */
const AT_ONCE = 2;
/** Seconds a file may have waited before the process ended and still be read by the next one. */
const RESUME_WITHIN = 86_400;

/** Reads the texts of uploads, a few at a time, and says in `data.status` how it went (retrieval note, 2.9). */
export function createReading(deps: ReadingDeps) {
  const { database, log, attach, findUser } = deps;
  const closing = new AbortController();
  const waiting: string[] = [];
  const running = new Set<Promise<void>>();
  let stopped = false;

  async function read(id: string): Promise<void> {
    const row = await findFile(database.db, id);
    if (!row) return;
    await database.transaction((tx) => changeFile(tx, id, { data: { status: 'processing' } }));
    try {
      const content = await contentOf(row, deps, closing.signal);
      const hash = content === null ? null : sha256(content);
      if (content !== null) await store(id, { content }, hash);
      await attachTo(row, hash);
      await store(id, { status: 'completed', error: null }, hash);
    } catch (error) {
      // The next start finds it unfinished.
      if (closing.signal.aborted) return;
      const known = error instanceof UnreadableError || error instanceof HttpError;
      if (!known) log.error({ err: error, file: id }, 'a file could not be read');
      const text = known ? error.message : detail.DEFAULT;
      const content = error instanceof BlankError ? { content: error.content } : {};
      await store(id, { ...content, status: 'failed', error: text }, null);
    }
  }

  async function attachTo({ id, user_id: owner, meta }: FileRow, hash: string | null): Promise<void> {
    const metadata = isObject(meta) && isObject(meta.data) ? meta.data : {};
    const user = owner === null || metadata.knowledge_id === undefined ? null : await findUser(owner);
    if (user) await attach(user, { id, hash }, metadata);
  }

  async function store(id: string, data: Record<string, unknown>, hash: string | null): Promise<void> {
    await database.transaction((tx) => changeFile(tx, id, { data, hash }));
  }

  function next(): void {
    while (!stopped && running.size < AT_ONCE) {
      const id = waiting.shift();
      if (id === undefined) return;
      const one: Promise<void> = read(id)
        .catch((error: unknown) => log.error({ err: error, file: id }, 'the state of a file could not be kept'))
        .finally(() => {
          running.delete(one);
          next();
        });
      running.add(one);
    }
  }

  return {
    /** Reads a file soon. */
    enqueue(id: string): void {
      waiting.push(id);
      next();
    },
    /** Reads a file now; a failure is in its row. */
    read,
    /** Goes on with what an earlier process left. */
    async resume(): Promise<void> {
      for (const id of await unfinishedSince(database.db, nowSeconds() - RESUME_WITHIN)) this.enqueue(id);
    },
    /** Lets what runs finish; what waits is found by the next start. */
    async close(): Promise<void> {
      stopped = true;
      closing.abort();
      await Promise.all(running);
    },
  };
}

/** The file has a text, but nothing is in it. */
class BlankError extends UnreadableError {
  readonly content: string;
  constructor(content: string) {
    super(detail.EMPTY_CONTENT);
    this.content = content;
  }
}

async function contentOf(
  row: FileRow,
  { storage, findUser, transcribe }: ReadingDeps,
  signal: AbortSignal,
): Promise<string | null> {
  const file = row.path === null ? null : await storage.find(row.path);
  if (!file) throw new UnreadableError(detail.NOT_FOUND);
  const type = isObject(row.meta) && typeof row.meta.content_type === 'string' ? row.meta.content_type : '';
  const owner = row.user_id === null ? null : await findUser(row.user_id);
  const heard = owner && (await transcribe(owner, { path: file.path, type }, signal));
  const text = heard ?? (await readText({ path: file.path, name: row.filename ?? '', type }));
  if (text !== null && text.trim() === '') throw new BlankError(text);
  return text;
}

/** As `file.hash` has it. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
