import { randomUUID } from 'node:crypto';
import { type Database, type Db, json } from '../../kernel/database/index.ts';
import { HttpError, notFound } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { nowSeconds } from '../../kernel/time.ts';
import type { EventSink } from '../configuration/index.ts';
import { cleanPath } from './paths.ts';
import type { MemoryOperation, MemoryUpdateModel } from './shapes.ts';
import * as store from './store.ts';

export interface MemoriesDeps {
  database: Database;
  events: EventSink;
}

/** A row as MemoryModel. */
export function presentMemory(row: store.MemoryRow) {
  return { ...presentPlain(row), meta: isObject(row.meta) ? row.meta : null };
}

/** Without `meta`. */
export function presentPlain(row: store.MemoryRow) {
  const { id, user_id, type, path, content, created_at, updated_at } = row;
  return {
    id,
    user_id: user_id ?? '',
    type: type === 'user' ? 'user' : 'context',
    path,
    content: content ?? '',
    updated_at: updated_at ?? 0,
    created_at: created_at ?? 0,
  };
}

export type Memories = ReturnType<typeof createMemories>;

/** Rules of memories (retrieval note, 8). They are not indexed yet: lookups go by words and paths. */
export function createMemories({ database, events }: MemoriesDeps) {
  const { db } = database;
  const publish = (event: string, actor: User, id: string) =>
    events.publish(event, { actor, subject: { type: 'memory', id }, data: {} });

  async function insert(
    on: Db,
    user: User,
    memory: { content: string; type: string; path: string | null; meta: JsonObject },
  ): Promise<store.MemoryRow> {
    const now = nowSeconds();
    const row = { id: randomUUID(), user_id: user.id, ...memory, created_at: now, updated_at: now };
    await store.insertMemory(on, { ...row, meta: json(row.meta) });
    return row;
  }

  return {
    all: (user: User) => store.listMemories(db, user.id),

    async add(user: User, form: { content: string; type: string; path: string | null }) {
      const memory = { ...form, content: contentOf(form.content), path: cleanPath(form.path) };
      const row = await insert(db, user, { ...memory, meta: { created_by: 'manual' } });
      publish('memory.created', user, row.id);
      return presentMemory(row);
    },

    async change(user: User, id: string, form: MemoryUpdateModel) {
      if (form.content === null && form.type === null && form.path === null) {
        throw new HttpError(400, 'No memory update provided');
      }
      const row = await database.transaction(async (tx) => {
        const before = await store.findMemory(tx, user.id, id);
        if (!before) throw notFound();
        const after = {
          ...before,
          content: form.content === null ? before.content : contentOf(form.content),
          type: form.type ?? before.type,
          path: form.path === null ? before.path : cleanPath(form.path),
          updated_at: nowSeconds(),
        };
        const { content, type, path, updated_at } = after;
        await store.updateMemory(tx, id, { content, type, path, updated_at });
        return after;
      });
      publish('memory.updated', user, id);
      return presentMemory(row);
    },

    /** All of them or, when one cannot be done, none. */
    async apply(user: User, operations: readonly MemoryOperation[], source: string) {
      checkOperations(operations);
      const results = await database.transaction(async (tx) => {
        const done: Result[] = [];
        for (const operation of operations) done.push(await applyOne(tx, user, operation, source));
        return done;
      });
      for (const result of results) {
        const id = result.id ?? result.memory?.id ?? '';
        const event = result.action === 'add' ? 'memory.created' : 'memory.updated';
        if (result.status !== 'skipped') publish(result.action === 'remove' ? 'memory.deleted' : event, user, id);
      }
      return results;
    },

    async remove(user: User, id: string): Promise<boolean> {
      const gone = await store.deleteMemory(db, user.id, id);
      if (gone) publish('memory.deleted', user, id);
      return gone;
    },

    async removeAll(user: User): Promise<void> {
      await store.deleteMemories(db, user.id);
      publish('memory.deleted', user, user.id);
    },
  };

  async function applyOne(tx: Db, user: User, operation: MemoryOperation, source: string): Promise<Result> {
    const { action } = operation;
    const made = { created_by: source, chat_id: null, message_id: null, model: null };
    const path = cleanPath(operation.path);
    if (action === 'add') {
      const memory = { content: contentOf(operation.content), type: operation.type ?? 'context', path };
      const same = (await store.listMemories(tx, user.id)).find(
        (row) => row.content === memory.content && row.type === memory.type && row.path === memory.path,
      );
      if (same) return { action, status: 'skipped', memory: presentPlain(same), reason: 'duplicate' };
      return { action, status: 'created', memory: presentPlain(await insert(tx, user, { ...memory, meta: made })) };
    }
    const id = operation.id ?? '';
    const before = await store.findMemory(tx, user.id, id);
    if (!before) throw notFound(`Memory not found: ${id}`);
    if (action === 'remove') {
      await store.deleteMemory(tx, user.id, id);
      return { action, status: 'deleted', id };
    }
    const after = {
      ...before,
      updated_at: nowSeconds(),
      meta: { ...(isObject(before.meta) ? before.meta : {}), ...made },
    };
    if (action === 'replace') {
      after.content = contentOf(operation.content);
      after.type = operation.type ?? before.type;
    }
    // Leaving the path out of a replacement keeps it; a move without one goes to no path.
    if (action === 'move' || operation.path !== undefined) after.path = path;
    const { content, type, updated_at, meta } = after;
    await store.updateMemory(tx, id, { content, type, path: after.path, updated_at, meta: json(meta) });
    return { action, status: 'updated', memory: presentPlain(after) };
  }
}

interface Result {
  action: string;
  status: 'created' | 'updated' | 'deleted' | 'skipped';
  memory?: ReturnType<typeof presentPlain>;
  id?: string;
  reason?: string;
}

function contentOf(content: string | null): string {
  const text = (content ?? '').trim();
  if (text === '') throw new HttpError(400, 'Memory content cannot be empty');
  return text;
}

function checkOperations(operations: readonly MemoryOperation[]): void {
  if (operations.length === 0) throw new HttpError(400, 'No memory operations provided');
  for (const { action, id, content, path } of operations) {
    if (action !== 'add' && !id) throw new HttpError(400, `Memory id is required for ${action}`);
    if (action === 'add' || action === 'replace') contentOf(content);
    cleanPath(path);
  }
}
