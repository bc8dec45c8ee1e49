import { randomUUID } from 'node:crypto';
import { type Database, type Db, json } from '../../kernel/database/index.ts';
import { detail, forbidden, notFound } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { Realtime } from '../../kernel/realtime/index.ts';
import type { Settings } from '../../kernel/settings/index.ts';
import { nowNanoseconds } from '../../kernel/time.ts';
import { type Access, allowedGrants, listWireGrants, permittedGrants, type Right } from '../access/index.ts';
import type { Accounts } from '../accounts/index.ts';
import type { EventSink } from '../configuration/index.ts';
import type { Files } from '../files/index.ts';
import { cleanData, fileIds, searchWords } from './content.ts';
import type { Documents } from './documents.ts';
import { presentFound, presentItem, presentNote } from './present.ts';
import { closeRooms, documentOf, leaveUnreadable, noteRoom } from './rooms.ts';
import type { NoteForm, NoteSearchQuery, NoteUpdateForm } from './shapes.ts';
import * as store from './store.ts';

export interface NotesDeps {
  database: Database;
  access: Access;
  settings: Pick<Settings, 'get'>;
  realtime: Pick<Realtime, 'emit' | 'leave' | 'socketsIn'>;
  accounts: Pick<Accounts, 'findUser'>;
  documents: Pick<Documents, 'clear'>;
  events: EventSink;
  files: Pick<Files, 'unreadable'>;
}

type NoteHead = Pick<store.NoteRow, 'id' | 'user_id'>;

export type Notes = ReturnType<typeof createNotes>;

/** Rules of notes (realtime note, 3). */
export function createNotes(deps: NotesDeps) {
  const { database, access, settings, realtime, files } = deps;
  const { db } = database;
  const viewerOf = async (user: User) => ({ id: user.id, groupIds: await access.groupIds(user.id) });
  const wholeNote = async (row: store.NoteRow, user: User, on: Db = db) => {
    const [grants, pinned] = await Promise.all([
      listWireGrants(on, 'note', [row.id]),
      store.isPinned(on, row.id, user.id),
    ]);
    return presentNote(row, grants.get(row.id) ?? [], pinned);
  };

  const announce = (actor: User, what: string, id: string, data: JsonObject): void =>
    deps.events.publish(`note.${what}`, { actor, subject: { id }, data });
  const may = async (user: User, note: NoteHead, right: Right): Promise<boolean> =>
    user.role === 'admin' || note.user_id === user.id || access.grants.allows(user, 'note', note.id, right);

  return {
    async list(user: User, page: number | null) {
      return (await store.listNotes(db, await viewerOf(user), page)).map((row) =>
        presentItem(row, access.people, user),
      );
    },

    async pinned(user: User) {
      return (await store.listPinned(db, await viewerOf(user), user.role === 'admin')).map((row) =>
        presentItem(row, access.people, user),
      );
    },

    async search(user: User, query: NoteSearchQuery) {
      const bypass = user.role === 'admin' && settings.get('BYPASS_ADMIN_ACCESS_CONTROL');
      const { items, total } = await store.searchNotes(db, await viewerOf(user), {
        words: searchWords(query.query ?? ''),
        view: query.view_option === 'created' || query.view_option === 'shared' ? query.view_option : null,
        scope: bypass ? 'all' : scopeOf(query.permission),
        order: orderOf(query.order_by),
        ascending: query.direction === 'asc',
        page: query.page ?? 1,
      });
      const ids = items.map((item) => item.id);
      const grants = await listWireGrants(db, 'note', ids);
      return { items: items.map((item) => presentFound(item, grants.get(item.id) ?? [], access.people, user)), total };
    },

    whole: wholeNote,

    mayRead: (user: User, note: NoteHead): Promise<boolean> => may(user, note, 'read'),

    /** Whether the user may change the note: administrators, its owner, and whom a grant says. */
    mayWrite: (user: User, note: NoteHead): Promise<boolean> => may(user, note, 'write'),

    find: (id: string): Promise<NoteHead | undefined> => store.findHead(db, id),

    /** `data.content`; null where there is none. */
    async content(id: string): Promise<unknown> {
      const note = await store.findNote(db, id);
      return cleanData(note?.data).content ?? null;
    },

    /** Files that `data` would add to a note and the user may not read. */
    async unreadableFiles(user: User, id: string, data: JsonObject): Promise<string[]> {
      if (fileIds(data).length === 0) return [];
      const known = new Set(fileIds((await store.findNote(db, id))?.data));
      return files.unreadable(
        user,
        fileIds(data).filter((fileId) => !known.has(fileId)),
      );
    },

    /** Stores members of `data` without telling anybody: those who write together know. Nothing where the right has gone. */
    async saveData(id: string, userId: string, data: JsonObject): Promise<void> {
      const [user, note] = await Promise.all([deps.accounts.findUser(userId), store.findHead(db, id)]);
      if (!user || !note || !(await may(user, note, 'write'))) return;
      await database.transaction((tx) => merge(tx, id, { data }));
    },

    async create(user: User, form: NoteForm) {
      const grants = await permittedGrants(access.permissions, user, 'note', form.access_grants);
      const now = nowNanoseconds();
      const head = { id: randomUUID(), user_id: user.id, title: form.title, created_at: now, updated_at: now };
      const data = form.data === null ? null : cleanData(form.data);
      await database.transaction(async (tx) => {
        await store.insertNote(tx, { ...head, data: json(data), meta: json(form.meta) });
        await access.grants.set(tx, 'note', head.id, grants);
      });
      announce(user, 'created', head.id, { title: head.title });
      return wholeNote({ ...head, data, meta: form.meta }, user);
    },

    async update(user: User, note: store.NoteRow, form: NoteUpdateForm) {
      const known = new Set(fileIds(note.data));
      const added = fileIds(form.data).filter((id) => !known.has(id));
      if ((await files.unreadable(user, added)).length > 0) throw forbidden(detail.DEFAULT);
      const row = await database.transaction((tx) => merge(tx, note.id, form));
      const whole = await wholeNote(row, user);
      const sent = form.data ? { ...whole, data: pick(whole.data, Object.keys(form.data)) } : whole;
      realtime.emit({ rooms: [noteRoom(note.id)] }, 'events:note', sent);
      announce(user, 'updated', note.id, { title: row.title });
      return whole;
    },

    async share(user: User, note: store.NoteRow, list: unknown) {
      const grants = await allowedGrants(access.permissions, user, 'note', list);
      const row = { ...note, updated_at: nowNanoseconds() };
      await database.transaction(async (tx) => {
        await access.grants.set(tx, 'note', note.id, grants);
        await store.updateNote(tx, note.id, { updated_at: row.updated_at });
      });
      await leaveUnreadable(deps, note.id, (other) => may(other, note, 'read'));
      announce(user, 'access_updated', note.id, {});
      return wholeNote(row, user);
    },

    async togglePin(user: User, note: store.NoteRow) {
      const isPinned = await database.transaction((tx) => store.togglePin(tx, note.id, user.id));
      announce(user, isPinned ? 'pinned' : 'unpinned', note.id, {});
      return wholeNote(note, user);
    },

    /** A note with the right asked for; null: there is none, or it is not the user's. */
    async open(user: User, id: string, right: Right): Promise<store.NoteRow | null> {
      const note = await store.findNote(db, id);
      if (!note || !(await may(user, note, right))) return null;
      return { ...note, data: cleanData(note.data) };
    },

    /** Changes a note on somebody's behalf: those who write in it together begin anew from what is stored. */
    async rewrite(user: User, note: store.NoteRow, form: NoteUpdateForm) {
      const whole = await this.update(user, note, form);
      await deps.documents.clear(documentOf(note.id));
      return whole;
    },

    async remove(user: User, note: store.NoteRow): Promise<void> {
      await database.transaction(async (tx) => {
        await access.grants.remove(tx, 'note', [note.id]);
        await store.deleteNote(tx, note.id);
      });
      closeRooms(deps, note.id);
      announce(user, 'deleted', note.id, {});
      await deps.documents.clear(documentOf(note.id));
    },
  };
}

/** Applies what was sent to the stored note; its time stays when nothing changed. */
async function merge(tx: Db, id: string, form: Partial<NoteUpdateForm>): Promise<store.NoteRow> {
  const row = await store.findNote(tx, id);
  if (!row) throw notFound();
  const old = cleanData(row.data);
  const next = {
    ...row,
    title: form.title ?? row.title,
    data: form.data ? cleanData({ ...old, ...form.data }) : old,
    meta: 'meta' in form ? { ...(row.meta as JsonObject | null), ...form.meta } : row.meta,
  };
  const [before, after] = [row, next].map(({ title, data, meta }) => JSON.stringify([title, data, meta]));
  if (before === after) return row;
  const updated = { ...next, updated_at: nowNanoseconds() };
  await store.updateNote(tx, id, {
    ...(updated.title !== null && { title: updated.title }),
    data: json(updated.data),
    meta: json(updated.meta),
    updated_at: updated.updated_at,
  });
  return updated;
}

function pick(data: JsonObject, keys: string[]): JsonObject {
  return Object.fromEntries(keys.filter((key) => Object.hasOwn(data, key)).map((key) => [key, data[key]]));
}

function scopeOf(permission: string | null): store.NoteSearch['scope'] {
  return permission === 'read' || permission === 'read_only' ? permission : 'write';
}

function orderOf(order: string | null): store.NoteSearch['order'] {
  if (order === 'name') return 'title';
  return order === 'created_at' ? order : 'updated_at';
}
