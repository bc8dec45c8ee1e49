import type { Transaction } from '../../kernel/database/index.ts';
import { forbidden, HttpError, ValidationError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { listWireGrants, permittedGrants } from '../access/index.ts';
import { readMeta } from './content.ts';
import { readMetaForm, readParamsForm } from './forms.ts';
import { presentModel } from './present.ts';
import {
  idTaken,
  insert,
  isModelId,
  isProviderId,
  newRow,
  save,
  type Workspace,
  type WorkspaceDeps,
} from './service.ts';
import type { SyncModelsForm } from './shapes.ts';
import * as store from './store.ts';

type Write = (tx: Transaction) => Promise<void>;

/** Export, import and sync of the workspace's models (providers note, 10.8). */
export function createTransfer({ database, access, events, models, checkMedia }: WorkspaceDeps, workspace: Workspace) {
  const { db } = database;

  /** What importing an object changes; null: it is left out. Reads outside of the transaction that writes. */
  async function planOne(user: User, given: JsonObject, id: string): Promise<Write | null> {
    const row = await store.findModel(db, id);
    const isAdmin = user.role === 'admin';
    const sent = given.base_model_id;
    const base = typeof sent === 'string' && sent !== '' && sent !== id ? sent : null;
    const sentMeta = isObject(given.meta) ? given.meta : {};
    const params = readParamsForm(isObject(given.params) ? given.params : {});
    if (row && !isAdmin && !(await workspace.owns(user, row, 'write'))) throw idTaken();
    const nextBase = row && !('base_model_id' in given) ? row.base_model_id : base;
    if (!isAdmin && nextBase === null && (!row || row.base_model_id !== null)) return null;
    if (!row && !isAdmin && isProviderId((await models.table()).values(), id)) throw idTaken();
    const meta = readMetaForm({ ...(row && readMeta(row.meta)), ...sentMeta }, workspace.isPicture);
    if (!(await workspace.knowledgeReadable(user, meta))) return null;
    await checkMedia(user, meta, row ? readMeta(row.meta) : null);
    const isActive = typeof given.is_active === 'boolean' ? given.is_active : (row?.is_active ?? true);
    const name = typeof given.name === 'string' ? given.name : row?.name;
    if (!name) throw new HttpError(400, `${id}: a name is needed.`);
    const content = { name, base_model_id: nextBase, params, meta };
    if (row) {
      const next = { ...row, ...content, is_active: isActive };
      return (tx) => save(tx, row, next, user.id, null);
    }
    const grants = await permittedGrants(access.permissions, user, 'model', given.access_grants);
    return async (tx) => {
      await insert(tx, newRow(id, user.id, content, isActive), user.id, null);
      await access.grants.set(tx, 'model', id, grants);
    };
  }

  async function plan(user: User, list: readonly JsonObject[]): Promise<Map<string, Write>> {
    const writes = new Map<string, Write>();
    for (const given of list) {
      if (!isModelId(given.id)) continue;
      const write = await planOne(user, given, given.id);
      if (write) writes.set(given.id, write);
    }
    return writes;
  }

  return {
    async export(user: User, ids: readonly string[] | null) {
      const asked = ids && ids.length > 0 ? new Set(ids) : null;
      const rows = (await store.listModels(db)).filter(
        (row) => row.base_model_id !== null && (asked === null || asked.has(row.id)),
      );
      const writable = workspace.seesAll(user) ? null : await access.grants.readableIds(user, 'model', 'write');
      const mine = rows.filter((row) => writable === null || row.user_id === user.id || writable.has(row.id));
      if (asked && mine.length < asked.size) throw forbidden();
      const grants = await listWireGrants(
        db,
        'model',
        mine.map(({ id }) => id),
      );
      return mine.map((row) => ({ ...presentModel(row, grants.get(row.id) ?? []), background_image_data: null }));
    },

    /** All or nothing; objects that are no models, or not the user's to make, are left out. */
    async import(user: User, list: readonly JsonObject[]) {
      const writes = await plan(user, list).catch((error: unknown) => {
        if (!(error instanceof ValidationError)) throw error;
        const [first] = error.items;
        const text = first ? `${first.loc.slice(1).join('.')}: ${first.msg}` : error.message;
        throw new HttpError(400, text, { cause: error });
      });
      await database.transaction(async (tx) => {
        for (const write of writes.values()) await write(tx);
      });
      models.changed();
      const data = { count: writes.size, model_ids: [...writes.keys()] };
      events.publish('model.imported', { actor: user, data });
    },

    /** Makes the table equal to the list; grants of rows that stay are not touched. */
    async sync(user: User, list: SyncModelsForm['models']) {
      const wanted = new Map(list.map((model) => [model.id, model]));
      // Files are looked at before the transaction: reading them takes its time.
      const before = new Map((await store.listModels(db)).map(({ id, meta }) => [id, readMeta(meta)]));
      for (const { id, meta } of wanted.values()) {
        await checkMedia(user, readMetaForm(meta, workspace.isPicture), before.get(id) ?? null);
      }
      await database.transaction(async (tx) => {
        const rows = await store.listModels(tx);
        const gone = rows.filter(({ id }) => !wanted.has(id)).map(({ id }) => id);
        await access.grants.remove(tx, 'model', gone);
        await store.deleteModels(tx, gone);
        const known = new Map(rows.map((row) => [row.id, row]));
        for (const model of wanted.values()) {
          const content = {
            name: model.name,
            base_model_id: model.base_model_id === model.id ? null : model.base_model_id,
            params: readParamsForm(model.params),
            meta: readMetaForm(model.meta, workspace.isPicture),
          };
          const row = known.get(model.id);
          if (row) await save(tx, row, { ...row, ...content, is_active: model.is_active }, user.id, null);
          else {
            await insert(tx, newRow(model.id, user.id, content, model.is_active), user.id, null);
            await access.grants.set(tx, 'model', model.id, model.access_grants);
          }
        }
      });
      models.changed();
      events.publish('model.synced', { actor: user, data: { count: wanted.size } });
      return workspace.all();
    },
  };
}
