import { type Database, type Db, json, uniqueViolation } from '../../kernel/database/index.ts';
import { detail, HttpError, notFound, wrapped } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Settings } from '../../kernel/settings/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import {
  type Access,
  allowedGrants,
  listWireGrants,
  permittedGrants,
  type Right,
  type WireGrant,
} from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import * as versions from '../versions/index.ts';
import { applyOperations, checkFiles, filesOf, MAIN, type SkillFile, withMain } from './package-files.ts';
import type { SkillForm, SkillListQuery, SkillUpdateForm } from './shapes.ts';
import * as store from './store.ts';

export interface SkillsDeps {
  database: Database;
  access: Access;
  settings: Pick<Settings, 'get'>;
  events: EventSink;
}

type Row = store.SkillRow;

/** Rules of skills (plugins note, 7). */
export function createSkills({ database, access, settings, events }: SkillsDeps) {
  const { db } = database;
  const seesAll = (user: User) => user.role === 'admin' && settings.get('BYPASS_ADMIN_ACCESS_CONTROL');
  const viewerOf = async (user: User) => ({
    id: user.id,
    groupIds: await access.groupIds(user.id),
    all: seesAll(user),
  });
  const grantsOf = async (on: Db, id: string) => (await listWireGrants(on, 'skill', [id])).get(id) ?? [];
  const whole = async (row: Row, on: Db = db) => presentSkill(row, await grantsOf(on, row.id));
  const publish = (event: string, actor: User, row: Pick<Row, 'id'>, data: JsonObject = {}) =>
    events.publish(event, { actor, subject: { type: 'skill', id: row.id }, data });

  async function allows(user: User, row: Row, right: Right): Promise<boolean> {
    return seesAll(user) || row.user_id === user.id || access.grants.allows(user, 'skill', row.id, right);
  }

  async function list(user: User, search: store.SkillSearch) {
    const viewer = await viewerOf(user);
    const { items, total } = await store.searchSkills(db, viewer, search, access.people.searched(user));
    const grants = await listWireGrants(
      db,
      'skill',
      items.map((row) => row.id),
    );
    return {
      items: items.map((row) => ({
        ...presentHead(row, grants.get(row.id) ?? []),
        user: access.people.owner(user, row),
        write_access: viewer.all || row.user_id === user.id || Number(row.writable) === 1,
      })),
      total,
    };
  }

  async function record(tx: Db, user: User, row: Row, message: string | null): Promise<string> {
    return versions.insertVersion(tx, 'skill', {
      objectId: row.id,
      parentId: row.version_id,
      snapshot: snapshotOf(row),
      userId: user.id,
      message,
    });
  }

  return {
    allows,
    whole,

    async offered(user: User, query: string | null) {
      const text = query ? { text: query, everywhere: false } : null;
      const { items } = await list(user, { ...NEWEST, query: text, page: null });
      return items.map(({ write_access: _write, ...item }) => item);
    },

    search: (user: User, query: SkillListQuery) => list(user, searchOf(query)),

    async one(user: User, row: Row) {
      const { data: _data, ...skill } = await whole(row);
      return { ...skill, user: null, write_access: await allows(user, row, 'write') };
    },

    async create(user: User, form: SkillForm) {
      const id = form.id.toLowerCase().replaceAll(' ', '-');
      if (!/^[a-z0-9_-]+$/.test(id)) throw new HttpError(400, wrapped('Invalid skill ID'));
      if (await store.findSkill(db, id)) throw new HttpError(400, detail.ID_TAKEN);
      if (await store.nameTaken(db, form.name, id)) throw nameConflict();
      const files = checkFiles(
        (form.files ?? form.data?.files)?.map(fileOf) ?? [{ path: MAIN, content: form.content ?? '' }],
      );
      const grants = await permittedGrants(access.permissions, user, 'skill', form.access_grants);
      const now = nowSeconds();
      const row: Row = {
        id,
        user_id: user.id,
        name: form.name,
        description: form.description ?? null,
        content: mainOf(files),
        data: { files },
        meta: form.meta,
        is_active: form.is_active,
        version_id: null,
        created_at: now,
        updated_at: now,
      };
      await asUnique(() =>
        database.transaction(async (tx) => {
          await store.insertSkill(tx, { ...row, version_id: null, data: json(row.data), meta: json(row.meta) });
          await access.grants.set(tx, 'skill', id, grants);
          row.version_id = await record(tx, user, { ...row, version_id: null }, form.commit_message);
          await store.updateSkill(tx, id, { version_id: row.version_id });
        }),
      );
      publish('skill.created', user, row, { name: row.name });
      return presentHead(row, await grantsOf(db, id));
    },

    async update(user: User, { id }: Row, form: SkillUpdateForm) {
      const row = await asUnique(() => database.transaction((tx) => applyForm(tx, user, id, form)));
      publish('skill.updated', user, row, { name: row.name });
      return whole(row);
    },

    async share(user: User, row: Row, list: unknown) {
      const grants = await allowedGrants(access.permissions, user, 'skill', list);
      const updated_at = nowSeconds();
      await database.transaction(async (tx) => {
        await access.grants.set(tx, 'skill', row.id, grants);
        await store.updateSkill(tx, row.id, { updated_at });
      });
      publish('skill.updated', user, row, { access_updated: true });
      return whole({ ...row, updated_at });
    },

    async toggle(user: User, { id }: Row) {
      const row = await database.transaction(async (tx) => {
        await store.updateSkill(tx, id, { updated_at: nowSeconds() });
        const before = await store.findSkill(tx, id);
        if (!before) throw notFound();
        const is_active = !before.is_active;
        await store.updateSkill(tx, id, { is_active });
        return { ...before, is_active };
      });
      publish(row.is_active ? 'skill.enabled' : 'skill.disabled', user, row, { name: row.name });
      return whole(row);
    },

    async remove(user: User, row: Row): Promise<void> {
      await database.transaction(async (tx) => {
        await versions.deleteVersions(tx, 'skill', row.id);
        await access.grants.remove(tx, 'skill', [row.id]);
        await store.deleteSkill(tx, row.id);
      });
      publish('skill.deleted', user, row, { name: row.name });
    },
  };

  async function applyForm(tx: Db, user: User, id: string, form: SkillUpdateForm): Promise<Row> {
    await store.updateSkill(tx, id, { updated_at: nowSeconds() });
    const before = await store.findSkill(tx, id);
    if (!before) throw notFound();
    if (form.expected_version_id && form.expected_version_id !== before.version_id) throw versionConflict(before);
    const files = changedFiles(before, form);
    const name = form.name ?? before.name;
    if (name !== before.name && (await store.nameTaken(tx, name, id))) throw nameConflict();
    const after: Row = {
      ...before,
      name,
      description: form.description === undefined ? before.description : form.description,
      content: mainOf(files),
      data: { files },
      meta: form.meta ?? before.meta,
      is_active: form.is_active ?? before.is_active,
    };
    if (before.version_id === null || JSON.stringify(snapshotOf(before)) !== JSON.stringify(snapshotOf(after))) {
      after.version_id = await record(tx, user, after, form.commit_message);
    }
    const { description, content, is_active, version_id } = after;
    const encoded = { data: json(after.data), meta: json(after.meta) };
    await store.updateSkill(tx, id, { name, description, content, is_active, version_id, ...encoded });
    return after;
  }
}

function mainOf(files: readonly SkillFile[]): string {
  return files.find((file) => file.path === MAIN)?.content ?? '';
}

function changedFiles(row: Row, form: SkillUpdateForm): SkillFile[] {
  const ways = [form.files, form.data?.files, form.operations].filter((way) => way !== undefined && way !== null);
  if (ways.length > 1) throw new HttpError(400, 'Only one of files, data and operations can be given');
  if (ways.length > 0 && !form.expected_version_id) {
    throw new HttpError(400, 'expected_version_id is required for file updates');
  }
  const before = filesOf(row.data, row.content);
  const sent = form.files ?? form.data?.files;
  const list = sent ? sent.map(fileOf) : form.operations ? applyOperations(before, form.operations) : before;
  return checkFiles(typeof form.content === 'string' ? withMain(list, form.content) : list);
}

function fileOf({ path, content, encoding }: { path: string; content: string; encoding?: 'base64' | null }): SkillFile {
  return encoding === 'base64' ? { path, content, encoding } : { path, content };
}

function snapshotOf(row: Row): JsonObject {
  const { name, description, content } = row;
  return { name, description, content, data: { files: filesOf(row.data, content) }, meta: metaOf(row.meta) };
}

function metaOf(meta: unknown) {
  const { i18n, tags } = isObject(meta) ? meta : ({} as JsonObject);
  return { i18n: isObject(i18n) ? i18n : null, tags: Array.isArray(tags) ? tags : [] };
}

/** A row as SkillResponse. */
function presentHead(row: Omit<Row, 'content' | 'data'>, grants: WireGrant[]) {
  const { id, user_id, name, description, version_id, meta, is_active, updated_at, created_at } = row;
  return {
    id,
    user_id,
    name,
    description,
    version_id,
    meta: metaOf(meta),
    is_active,
    access_grants: grants,
    updated_at,
    created_at,
  };
}

/** A row as SkillModel. */
function presentSkill(row: Row, grants: WireGrant[]) {
  return { ...presentHead(row, grants), content: row.content, data: { files: filesOf(row.data, row.content) } };
}

async function asUnique<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw uniqueViolation(error) === null ? error : nameConflict(error);
  }
}

function nameConflict(cause?: unknown): HttpError {
  return new HttpError(409, 'A skill with this name already exists', { cause });
}

function versionConflict(row: Row): HttpError {
  return new HttpError(409, { code: 'version_conflict', current_version_id: row.version_id });
}

const NEWEST = { query: null, view: null, order: 'updated_at', ascending: false } as const;

function searchOf({ query, view_option: view, order_by: order, direction, page }: SkillListQuery): store.SkillSearch {
  return {
    query: query ? { text: query, everywhere: true } : null,
    view: view === 'created' || view === 'shared' ? view : null,
    order: order === 'name' || order === 'created_at' ? order : 'updated_at',
    ascending: direction === 'asc',
    page: page ?? 1,
  };
}
