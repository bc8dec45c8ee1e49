import { randomUUID } from 'node:crypto';
import { type Database, type Db, json } from '../../kernel/database/index.ts';
import { detail, forbidden, HttpError, notFound } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Settings } from '../../kernel/settings/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { type Access, allowedGrants, listWireGrants, permittedGrants } from '../access/index.ts';
import { isProfileImage, profileImageRules } from '../accounts/index.ts';
import type { EventSink } from '../configuration/index.ts';
import type { ModelEntry } from '../providers/index.ts';
import { readMeta, readParams, readTags } from './content.ts';
import { readMetaForm, readParamsForm } from './forms.ts';
import type { MediaCheck } from './media/check.ts';
import type { Models } from './models.ts';
import {
  presentAccess,
  presentHistory,
  presentHistoryEntry,
  presentListed,
  presentModel,
  snapshotOf,
} from './present.ts';
import type { ModelAccessGrantsForm, ModelForm, ModelListQuery } from './shapes.ts';
import * as store from './store.ts';

export interface WorkspaceDeps {
  database: Database;
  access: Access;
  settings: Settings;
  events: EventSink;
  models: Models;
  /** Ids of the files, of those given, that the user may not read. */
  unreadableFiles: (user: User, ids: readonly string[]) => Promise<string[]>;
  /** Looks at the files a model is to show. */
  checkMedia: MediaCheck;
}

export type Workspace = ReturnType<typeof createWorkspace>;

const unauthorized = () => new HttpError(401, detail.UNAUTHORIZED);
const unknown = () => new HttpError(401, detail.NOT_FOUND);
export const idTaken = () => new HttpError(401, detail.MODEL_ID_TAKEN);

const MAX_ID = 256;

export function isModelId(id: unknown): id is string {
  return typeof id === 'string' && id !== '' && id.length <= MAX_ID && !/\s/.test(id);
}

/** Rules of the models of the workspace (providers note, 10). */
export function createWorkspace(deps: WorkspaceDeps) {
  const { database, access, settings, events, models } = deps;
  const { db } = database;
  const images = profileImageRules(settings);
  const isPicture = (url: string) => isProfileImage(url, images);
  const seesAll = (user: User) => user.role === 'admin' && settings.get('BYPASS_ADMIN_ACCESS_CONTROL');
  const announce = (event: string, actor: User, id: string, data: JsonObject = {}) =>
    events.publish(event, { actor, subject: { id }, data });

  async function whole(row: store.ModelRow, on: Db = db) {
    return presentModel(row, (await listWireGrants(on, 'model', [row.id])).get(row.id) ?? []);
  }

  async function owns(user: User, row: store.ModelRow, right: 'read' | 'write'): Promise<boolean> {
    return row.user_id === user.id || access.grants.allows(user, 'model', row.id, right);
  }

  /** Files of the knowledge list must be the user's to read. */
  async function knowledgeReadable(user: User, meta: JsonObject): Promise<boolean> {
    if (user.role === 'admin' || !Array.isArray(meta.knowledge)) return true;
    const ids = meta.knowledge.flatMap((item) =>
      isObject(item) && item.type === 'file' && typeof item.id === 'string' ? [item.id] : [],
    );
    return ids.length === 0 || (await deps.unreadableFiles(user, ids)).length === 0;
  }

  async function checkControls(params: JsonObject, id: string, baseId: string | null): Promise<void> {
    if (!isObject(params.model_controls)) return;
    const base = (await models.table()).get(baseId ?? id);
    if (base && (base.pipe || base.direct || base.arena)) {
      throw new HttpError(400, 'Model controls require a server-managed provider model.');
    }
  }

  /** The row a change is about; `denied` answers who may not change it. */
  async function writable(user: User, id: string, denied: () => HttpError): Promise<store.ModelRow> {
    const row = await store.findModel(db, id);
    if (!row) throw unknown();
    if (user.role !== 'admin' && !(await owns(user, row, 'write'))) throw denied();
    return row;
  }

  /** The row whose history is asked for. */
  async function historic(user: User, id: string, anyAdmin: boolean): Promise<store.ModelRow> {
    const row = await store.findModel(db, id);
    if (!row) throw notFound();
    const all = anyAdmin ? user.role === 'admin' : seesAll(user);
    if (!all && !(await owns(user, row, 'write'))) throw forbidden();
    return row;
  }

  return {
    seesAll,
    owns,
    isPicture,
    knowledgeReadable,
    whole,

    async list(user: User, query: ModelListQuery) {
      const groupIds = await access.groupIds(user.id);
      const all = seesAll(user);
      const { items, total } = await store.searchModels(db, {
        viewer: all ? null : { id: user.id, groupIds },
        userId: user.id,
        query: query.query ?? '',
        ofOwner: access.people.searched(user),
        view: query.view_option === 'created' || query.view_option === 'shared' ? query.view_option : null,
        tag: query.tag ?? '',
        orderBy: ORDERS.find((order) => order === query.order_by) ?? null,
        ascending: query.direction === 'asc',
        page: query.page ?? 1,
      });
      const ids = items.map(({ id }) => id);
      const [grants, writableIds] = await Promise.all([
        listWireGrants(db, 'model', ids),
        all ? null : access.grants.readableIds(user, 'model', 'write'),
      ]);
      const mayWrite = (row: store.ListedModel) =>
        writableIds === null || row.user_id === user.id || writableIds.has(row.id);
      return {
        items: items.map((row) => presentListed(row, grants.get(row.id) ?? [], mayWrite(row), access.people, user)),
        total,
      };
    },

    async all() {
      const rows = await store.listModels(db);
      const grants = await listWireGrants(
        db,
        'model',
        rows.map(({ id }) => id),
      );
      return rows.map((row) => presentModel(row, grants.get(row.id) ?? []));
    },

    async base(tag: string | null) {
      const rows = (await this.all()).filter((row) => row.base_model_id === null);
      return tag === null || tag === ''
        ? rows
        : rows.filter(({ meta }) => readTags(meta.tags).some(({ name }) => name === tag));
    },

    async baseTags() {
      return sortedTags(await this.base(null));
    },

    async tags(user: User) {
      const rows = (await store.listModels(db)).filter((row) => row.base_model_id !== null);
      if (seesAll(user)) return sortedTags(rows);
      const readable = await access.grants.readableIds(user, 'model');
      return sortedTags(rows.filter((row) => row.user_id === user.id || readable.has(row.id)));
    },

    async find(user: User, id: string) {
      const row = await store.findModel(db, id);
      if (!row) throw notFound();
      const all = seesAll(user);
      if (!all && !(await owns(user, row, 'read'))) throw new HttpError(401, detail.ACCESS_PROHIBITED);
      const mayWrite = all || (await owns(user, row, 'write'));
      return presentAccess(row, (await listWireGrants(db, 'model', [id])).get(id) ?? [], mayWrite);
    },

    async create(user: User, form: ModelForm) {
      if (!isModelId(form.id)) throw new HttpError(400, detail.MODEL_ID_TOO_LONG);
      const baseId = form.base_model_id && form.base_model_id !== form.id ? form.base_model_id : null;
      if (await store.findModel(db, form.id)) throw idTaken();
      if (user.role !== 'admin') {
        if (baseId === null) throw unauthorized();
        if (isProviderId((await models.table()).values(), form.id)) throw idTaken();
      }
      const meta = readMetaForm(form.meta, isPicture);
      const params = readParamsForm(form.params);
      if (!(await knowledgeReadable(user, meta))) throw forbidden();
      await deps.checkMedia(user, meta, null);
      await checkControls(params, form.id, baseId);
      const grants = await permittedGrants(access.permissions, user, 'model', form.access_grants);
      const row = newRow(form.id, user.id, { name: form.name, base_model_id: baseId, params, meta }, form.is_active);
      await database.transaction(async (tx) => {
        await insert(tx, row, user.id, form.commit_message);
        await access.grants.set(tx, 'model', row.id, grants);
      });
      models.changed();
      announce('model.created', user, row.id);
      return whole(row);
    },

    async update(user: User, form: ModelForm) {
      const row = await writable(user, form.id, () => new HttpError(400, detail.ACCESS_PROHIBITED));
      const next = changed(row, form, user, isPicture);
      if (!(await knowledgeReadable(user, next.meta as JsonObject))) throw forbidden();
      await deps.checkMedia(user, next.meta as JsonObject, readMeta(row.meta));
      await checkControls(next.params as JsonObject, row.id, next.base_model_id);
      await database.transaction((tx) => save(tx, row, next, user.id, form.commit_message));
      models.changed();
      announce('model.updated', user, row.id);
      return whole((await store.findModel(db, row.id)) ?? next);
    },

    async toggle(user: User, id: string) {
      const row = await writable(user, id, unauthorized);
      const next = { ...row, is_active: !row.is_active, updated_at: nowSeconds() };
      await store.updateModel(db, id, { is_active: next.is_active, updated_at: next.updated_at });
      models.changed();
      announce(next.is_active ? 'model.enabled' : 'model.disabled', user, id);
      return whole(next);
    },

    async share(user: User, form: ModelAccessGrantsForm) {
      const { id } = form;
      const found = await store.findModel(db, id);
      if (!found && user.role !== 'admin') throw forbidden();
      if (found && user.role !== 'admin' && !(await owns(user, found, 'write'))) {
        throw new HttpError(400, detail.ACCESS_PROHIBITED);
      }
      const grants = await allowedGrants(access.permissions, user, 'model', form.access_grants);
      const now = nowSeconds();
      const row = found
        ? { ...found, updated_at: now }
        : newRow(id, user.id, { name: form.name || id, base_model_id: null, params: {}, meta: readMeta({}) });
      await database.transaction(async (tx) => {
        if (found) await store.updateModel(tx, id, { updated_at: now });
        else await insert(tx, row, user.id, null);
        await access.grants.set(tx, 'model', id, grants);
      });
      models.changed();
      announce('model.access_updated', user, id);
      return whole(row);
    },

    async remove(user: User, id: string) {
      await writable(user, id, unauthorized);
      await database.transaction(async (tx) => {
        await access.grants.remove(tx, 'model', [id]);
        await store.deleteModels(tx, [id]);
      });
      models.changed();
      announce('model.deleted', user, id);
    },

    async removeAll() {
      await database.transaction(async (tx) => {
        const ids = await store.modelIds(tx);
        await access.grants.remove(tx, 'model', ids);
        await store.deleteModels(tx, ids);
      });
      models.changed();
    },

    async history(user: User, id: string, page: number) {
      await historic(user, id, false);
      return (await store.listHistory(db, id, page)).map(presentHistory);
    },

    async version(user: User, id: string, versionId: string) {
      await historic(user, id, false);
      return presentHistoryEntry(await findVersion(db, id, versionId));
    },

    async removeVersion(user: User, id: string, versionId: string) {
      const row = await historic(user, id, false);
      const entry = await findVersion(db, id, versionId);
      if (row.version_id === versionId) throw new HttpError(400, 'Cannot delete the current version');
      await database.transaction((tx) => store.deleteHistory(tx, entry));
    },

    async restore(user: User, id: string, versionId: string) {
      const row = await historic(user, id, true);
      const { snapshot } = await findVersion(db, id, versionId);
      const from: JsonObject = isObject(snapshot) ? snapshot : {};
      const { hidden } = readMeta(row.meta);
      const base = typeof from.base_model_id === 'string' && from.base_model_id !== id ? from.base_model_id : null;
      if (base === null && row.base_model_id !== null && user.role !== 'admin') throw forbidden();
      const meta = { ...readMeta(from.meta), ...(hidden !== undefined && { hidden }) };
      if (base !== null && !(await models.table()).has(base))
        throw new HttpError(400, 'The base model is unavailable.');
      if (!(await knowledgeReadable(user, meta))) throw forbidden('A file of this version is not accessible.');
      await deps.checkMedia(user, meta, readMeta(row.meta));
      const name = typeof from.name === 'string' ? from.name : row.name;
      const next = { ...row, name, base_model_id: base, params: readParams(from.params), meta, version_id: versionId };
      const stored = { ...next, updated_at: nowSeconds() };
      const done = await store.updateModel(db, id, encoded(stored), row.version_id);
      if (!done) throw conflict();
      models.changed();
      announce('model.updated', user, id);
      return whole(stored);
    },
  };
}

const ORDERS = ['name', 'created_at', 'updated_at'] as const;
const conflict = () => new HttpError(409, { code: 'version_conflict' });

/** Whether an id is that of a provider's model; an Ollama model takes the part before its tag too. */
export function isProviderId(entries: Iterable<ModelEntry>, id: string): boolean {
  for (const entry of entries) {
    if (entry.preset) continue;
    if (entry.id === id || (entry.owned_by === 'ollama' && entry.id.split(':')[0] === id)) return true;
  }
  return false;
}

type Content = Pick<store.ModelRow, 'name' | 'base_model_id'> & { params: JsonObject; meta: JsonObject };

export function newRow(id: string, userId: string, content: Content, isActive = true): store.ModelRow {
  const now = nowSeconds();
  return {
    id,
    user_id: userId,
    ...content,
    is_active: isActive,
    version_id: randomUUID(),
    updated_at: now,
    created_at: now,
  };
}

function encoded(row: store.ModelRow): store.ModelChanges {
  const { id: _id, ...rest } = row;
  return { ...rest, params: json(row.params), meta: json(row.meta) };
}

/** Inserts a row with its first version. */
export async function insert(tx: Db, row: store.ModelRow, userId: string, message: string | null): Promise<void> {
  await store.insertModel(tx, { ...row, params: json(row.params), meta: json(row.meta) });
  await store.insertHistory(tx, {
    id: row.version_id ?? randomUUID(),
    model_id: row.id,
    parent_id: null,
    snapshot: json(snapshotOf(row)),
    user_id: userId,
    commit_message: message,
    created_at: nowSeconds(),
  });
}

/** Stores a changed row; what a version remembers makes a new one when it differs. 409 when another change came first. */
export async function save(
  tx: Db,
  before: store.ModelRow,
  next: store.ModelRow,
  userId: string,
  message: string | null,
): Promise<void> {
  const snapshot = snapshotOf(next);
  const isNew = JSON.stringify(snapshotOf(before)) !== JSON.stringify(snapshot);
  const versionId = isNew ? randomUUID() : before.version_id;
  const now = nowSeconds();
  const changes = encoded({ ...next, version_id: versionId, updated_at: now });
  if (!(await store.updateModel(tx, before.id, changes, before.version_id))) throw conflict();
  if (!isNew || versionId === null) return;
  await store.insertHistory(tx, {
    id: versionId,
    model_id: before.id,
    parent_id: before.version_id,
    snapshot: json(snapshot),
    user_id: userId,
    commit_message: message,
    created_at: now,
  });
}

/** A row with the members of a form that count (note 10.6). */
function changed(
  row: store.ModelRow,
  form: ModelForm,
  user: User,
  isPicture: (url: string) => boolean,
): store.ModelRow {
  const asked = form.base_model_id === undefined ? row.base_model_id : form.base_model_id;
  const base = asked === row.id ? null : asked;
  if (base === null && row.base_model_id !== null && user.role !== 'admin') throw unauthorized();
  const old = readMeta(row.meta);
  const meta = readMetaForm(form.meta, isPicture);
  for (const key of ['profile_image_url', 'voice_avatar', 'background_image_url'] as const) {
    if (!(key in form.meta)) meta[key] = old[key];
  }
  const oldParams = readParams(row.params);
  const params = readParamsForm(form.params);
  if (!('model_controls' in form.params) && oldParams.model_controls) params.model_controls = oldParams.model_controls;
  return { ...row, name: form.name, base_model_id: base, meta, params, is_active: form.is_active ?? row.is_active };
}

async function findVersion(db: Db, id: string, versionId: string): Promise<store.HistoryRow> {
  const entry = await store.findHistory(db, id, versionId);
  if (!entry) throw notFound('Model version not found');
  return entry;
}

function sortedTags(rows: readonly { meta: unknown }[]): string[] {
  const names = rows.flatMap(({ meta }) => readTags(isObject(meta) ? meta.tags : null).map(({ name }) => name));
  return [...new Set(names)].sort();
}
