import { randomUUID } from 'node:crypto';
import { type Database, type Db, json, type Transaction, uniqueViolation } from '../../kernel/database/index.ts';
import { detail, HttpError, notFound } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Settings } from '../../kernel/settings/index.ts';
import { splitLines } from '../../kernel/text/lines.ts';
import { unifiedDiff } from '../../kernel/text/unified-diff.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { type Access, allowedGrants, listWireGrants, permittedGrants } from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import * as versions from '../versions/index.ts';
import { presentPrompt, presentVersion, tagsOf } from './present.ts';
import type { PromptForm, PromptListQuery, PromptMetadataForm } from './shapes.ts';
import * as store from './store.ts';

export interface PromptsDeps {
  database: Database;
  access: Access;
  settings: Pick<Settings, 'get'>;
  events: EventSink;
}

const HISTORY_PAGE = 20;

/** Rules of prompts (chats and content note, 5). */
export function createPrompts({ database, access, settings, events }: PromptsDeps) {
  const { db } = database;
  const seesAll = (user: User) => user.role === 'admin' && settings.get('BYPASS_ADMIN_ACCESS_CONTROL');
  const viewerOf = async (user: User): Promise<store.Viewer> => ({
    id: user.id,
    groupIds: await access.groupIds(user.id),
    all: seesAll(user),
  });
  const publish = (event: string, actor: User, row: { id: string }, data: Record<string, unknown>) =>
    events.publish(event, { actor, subject: { type: 'prompt', id: row.id }, data });
  const grantsOf = async (on: Db, id: string) => (await listWireGrants(on, 'prompt', [id])).get(id) ?? [];
  const whole = async (row: store.PromptRow, on: Db = db) => presentPrompt(row, await grantsOf(on, row.id));

  async function snapshotOf(on: Db, row: store.PromptRow): Promise<JsonObject> {
    const { name, content, command, data, meta, tags } = row;
    return { name, content, command, data, meta, tags: tagsOf(tags), access_grants: await grantsOf(on, row.id) };
  }

  /** Runs a change on the row as it is now; a command somebody else has answers 400. */
  async function change(
    id: string,
    work: (tx: Transaction, row: store.PromptRow) => Promise<store.PromptRow>,
  ): Promise<ReturnType<typeof presentPrompt>> {
    try {
      return await database.transaction(async (tx) => {
        // The write first: it holds the row, so that two changes follow each other.
        await store.updatePrompt(tx, id, { updated_at: nowSeconds() });
        const row = await store.findPrompt(tx, id);
        if (!row) throw notFound();
        return whole(await work(tx, row), tx);
      });
    } catch (error) {
      throw uniqueViolation(error) === null ? error : taken(error);
    }
  }

  async function checkCommand(tx: Db, command: string, id: string | null): Promise<void> {
    if (await store.commandTaken(tx, command, id)) throw taken();
  }

  return {
    /** `read`, `write`: administrators, the owner, and whom a grant says. */
    async allows(user: User, row: store.PromptRow, right: 'read' | 'write'): Promise<boolean> {
      if (user.role === 'admin' || row.user_id === user.id) return true;
      return access.grants.allows(user, 'prompt', row.id, right);
    },

    async list(user: User) {
      const rows = await store.listActive(db, await viewerOf(user));
      const grants = await listWireGrants(
        db,
        'prompt',
        rows.map((row) => row.id),
      );
      return rows.map((row) => presentPrompt(row, grants.get(row.id) ?? []));
    },

    async tags(user: User): Promise<string[]> {
      const columns = await store.activeTags(db, await viewerOf(user));
      return [...new Set(columns.flatMap(tagsOf))].sort();
    },

    async search(user: User, query: PromptListQuery) {
      const viewer = await viewerOf(user);
      const { items, total } = await store.searchPrompts(db, viewer, {
        ...searchOf(query),
        ofOwner: access.people.searched(user),
      });
      const grants = await listWireGrants(
        db,
        'prompt',
        items.map((row) => row.id),
      );
      return {
        items: items.map((row) => {
          const write = viewer.all || row.user_id === user.id || Number(row.writable) === 1;
          const owner = access.people.owner(user, row);
          return { ...presentPrompt(row, grants.get(row.id) ?? []), user: owner, write_access: write };
        }),
        total,
      };
    },

    async one(user: User, row: store.PromptRow) {
      const write =
        seesAll(user) || row.user_id === user.id || (await access.grants.allows(user, 'prompt', row.id, 'write'));
      return { ...(await whole(row)), user: null, write_access: write };
    },

    async create(user: User, form: PromptForm) {
      const grants = await permittedGrants(access.permissions, user, 'prompt', form.access_grants);
      const now = nowSeconds();
      const row: store.PromptRow = {
        id: randomUUID(),
        command: form.command,
        user_id: user.id,
        name: form.name,
        content: form.content,
        data: form.data ?? {},
        meta: form.meta ?? {},
        tags: form.tags ?? [],
        is_active: true,
        version_id: null,
        created_at: now,
        updated_at: now,
      };
      await checkCommand(db, row.command ?? '', null);
      try {
        await database.transaction(async (tx) => {
          await store.insertPrompt(tx, { ...row, data: json(row.data), meta: json(row.meta), tags: json(row.tags) });
          await access.grants.set(tx, 'prompt', row.id, grants);
          row.version_id = await versions.insertVersion(tx, 'prompt', {
            objectId: row.id,
            parentId: null,
            snapshot: await snapshotOf(tx, row),
            userId: user.id,
            message: form.commit_message ?? 'Initial version',
          });
          await store.updatePrompt(tx, row.id, { version_id: row.version_id });
        });
      } catch (error) {
        throw uniqueViolation(error) === null ? error : taken(error);
      }
      publish('prompt.created', user, row, { name: row.name, command: row.command });
      return whole(row);
    },

    async update(user: User, { id }: store.PromptRow, form: PromptForm) {
      const result = await change(id, async (tx, row) => {
        await checkCommand(tx, form.command, id);
        return applyForm(tx, user, row, form);
      });
      publish('prompt.updated', user, result, { name: result.name, command: result.command });
      return result;
    },

    async updateMeta(user: User, { id }: store.PromptRow, form: PromptMetadataForm) {
      const result = await change(id, async (tx, row) => {
        await checkCommand(tx, form.command, id);
        const next = { ...row, name: form.name, command: form.command, tags: form.tags ?? row.tags };
        await store.updatePrompt(tx, id, { name: next.name, command: next.command, tags: json(next.tags) });
        return next;
      });
      publish('prompt.updated', user, result, { name: result.name, command: result.command });
      return result;
    },

    async setVersion(user: User, { id }: store.PromptRow, versionId: string) {
      const result = await change(id, async (tx, row) => {
        const version = await versions.findVersion(tx, 'prompt', id, versionId);
        if (!version) throw new HttpError(400, detail.DEFAULT);
        const next = restored(row, version);
        const { name, content, data, meta, tags } = next;
        const encoded = { data: json(data), meta: json(meta), tags: json(tags) };
        await store.updatePrompt(tx, id, { name, content, ...encoded, version_id: versionId });
        return next;
      });
      publish('prompt.version_updated', user, result, { version_id: versionId });
      return result;
    },

    async share(user: User, { id }: store.PromptRow, list: unknown) {
      const grants = await allowedGrants(access.permissions, user, 'prompt', list);
      const result = await change(id, async (tx, row) => {
        await access.grants.set(tx, 'prompt', id, grants);
        return row;
      });
      publish('prompt.access_updated', user, result, { name: result.name });
      return result;
    },

    async toggle(user: User, { id }: store.PromptRow) {
      const result = await change(id, async (tx, row) => {
        const is_active = !row.is_active;
        await store.updatePrompt(tx, id, { is_active });
        return { ...row, is_active };
      });
      const event = result.is_active ? 'prompt.enabled' : 'prompt.disabled';
      publish(event, user, result, { name: result.name, command: result.command });
      return result;
    },

    async remove(user: User, row: store.PromptRow): Promise<void> {
      await database.transaction(async (tx) => {
        await versions.deleteVersions(tx, 'prompt', row.id);
        await access.grants.remove(tx, 'prompt', [row.id]);
        await store.deletePrompt(tx, row.id);
      });
      publish('prompt.deleted', user, row, { name: row.name, command: row.command });
    },

    /** `page` counts from zero. */
    async history(user: User, { id }: store.PromptRow, page: number) {
      const range = { offset: Math.max(0, page) * HISTORY_PAGE, limit: HISTORY_PAGE, snapshots: true };
      const rows = await versions.listVersions(db, 'prompt', id, range);
      return rows.map((row) => ({
        ...presentVersion({ ...row, snapshot: row.snapshot ?? null }),
        user: access.people.owner(user, row),
      }));
    },

    async version({ id }: store.PromptRow, versionId: string) {
      const found = await versions.findVersion(db, 'prompt', id, versionId);
      if (!found) throw notFound();
      return presentVersion(found);
    },

    async diff(row: store.PromptRow, fromId: string, toId: string) {
      const [from, to] = await Promise.all([this.version(row, fromId), this.version(row, toId)]);
      const [before, after] = [textOf(from.snapshot.content), textOf(to.snapshot.content)];
      const lines = unifiedDiff(splitLines(before), splitLines(after), {
        from: `v${fromId.slice(0, 8)}`,
        to: `v${toId.slice(0, 8)}`,
      });
      return {
        from_id: fromId,
        to_id: toId,
        from_snapshot: from.snapshot,
        to_snapshot: to.snapshot,
        content_diff: lines,
        line_endings_only: lines.length === 0 && before !== after,
        name_changed: from.snapshot.name !== to.snapshot.name,
      };
    },

    async removeVersion({ id }: store.PromptRow, versionId: string): Promise<void> {
      await database.transaction(async (tx) => {
        const [row, version] = [
          await store.findPrompt(tx, id),
          await versions.findVersion(tx, 'prompt', id, versionId),
        ];
        if (!row || !version) throw notFound();
        if (row.version_id === versionId) throw new HttpError(400, 'Cannot delete the active production version');
        await versions.deleteVersion(tx, 'prompt', version);
      });
    },
  };

  async function applyForm(tx: Db, user: User, row: store.PromptRow, form: PromptForm): Promise<store.PromptRow> {
    const sent = {
      ...row,
      command: form.command,
      name: form.name,
      content: form.content,
      data: filled(form.data) ?? row.data,
      meta: filled(form.meta) ?? row.meta,
      tags: form.tags ?? row.tags,
    };
    const live = form.is_production !== false ? sent : { ...row, command: form.command };
    if (essence(sent) !== essence(row)) {
      const newest = await versions.newestVersion(tx, 'prompt', row.id);
      const version_id = await versions.insertVersion(tx, 'prompt', {
        objectId: row.id,
        parentId: newest?.id ?? null,
        snapshot: await snapshotOf(tx, sent),
        userId: user.id,
        message: form.commit_message,
      });
      if (form.is_production !== false) live.version_id = version_id;
    }
    const { command, name, content, data, meta, tags, version_id } = live;
    const encoded = { data: json(data), meta: json(meta), tags: json(tags) };
    await store.updatePrompt(tx, row.id, { command, name, content, version_id, ...encoded });
    return live;
  }
}

/** What makes a new version when it differs. */
function essence({ name, command, content, tags }: store.PromptRow): string {
  return JSON.stringify([name, command, content, tagsOf(tags)]);
}

function filled(value: JsonObject | null): JsonObject | null {
  return value && Object.keys(value).length > 0 ? value : null;
}

/** The row with what a version holds; what that lacks (older releases) stays. */
function restored(row: store.PromptRow, { id, snapshot }: versions.Version): store.PromptRow {
  const { name, content, data, meta, tags } = isObject(snapshot) ? snapshot : ({} as JsonObject);
  return {
    ...row,
    version_id: id,
    name: typeof name === 'string' ? name : row.name,
    content: typeof content === 'string' ? content : row.content,
    data: isObject(data) ? data : row.data,
    meta: isObject(meta) ? meta : row.meta,
    tags: Array.isArray(tags) ? tags : row.tags,
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function taken(cause?: unknown): HttpError {
  return new HttpError(400, detail.COMMAND_TAKEN, { cause });
}

function searchOf(query: PromptListQuery): Omit<store.PromptSearch, 'ofOwner'> {
  const { order_by: order, view_option: view } = query;
  return {
    query: query.query,
    tag: query.tag,
    view: view === 'created' || view === 'shared' ? view : null,
    order: order === 'name' || order === 'created_at' ? order : 'updated_at',
    ascending: query.direction === 'asc',
    page: query.page ?? 1,
  };
}
