import { may, on, type Resource, resource, verified } from '../../kernel/http/access.ts';
import { detail, forbidden, HttpError, prohibited } from '../../kernel/http/errors.ts';
import { streamEvents } from '../../kernel/http/event-stream.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, Obj } from '../../kernel/http/shapes.ts';
import { isExternal, type KnowledgeDeps } from './context.ts';
import { externalRoutes } from './external-routes.ts';
import type { Knowledge } from './service.ts';
import * as shapes from './shapes.ts';
import { findKnowledge, type KnowledgeRow } from './store.ts';

const base = '/api/v1/knowledge/';

/** Knowledge bases: lists, changing, sharing, their files and directories (retrieval note, 3.3 to 3.6). */
export function knowledgeRoutes(deps: KnowledgeDeps, knowledge: Knowledge): Route[] {
  const policies = policiesOf(deps, knowledge);
  return [
    ...listRoutes(knowledge),
    ...externalRoutes(deps.config),
    ...baseRoutes(knowledge, policies),
    ...fileRoutes(deps, knowledge, policies),
    ...directoryRoutes(knowledge, policies),
  ];
}

/** The status of "missing" and "denied" differs from route to route; clients see it. */
function policiesOf({ database }: KnowledgeDeps, knowledge: Knowledge) {
  const bad = (text: string) => () => new HttpError(400, text);
  const kind = (changes: Partial<Resource<KnowledgeRow>>): Resource<KnowledgeRow> => ({
    ...resource<KnowledgeRow>({
      name: 'knowledge',
      load: (id) => findKnowledge(database.db, id),
      allows: (user, row, right) => knowledge.allows(user, row, right === 'write' ? 'write' : 'read'),
    }),
    ...changes,
  });
  const allBad = kind({ missing: bad(detail.NOT_FOUND), denied: bad(detail.ACCESS_PROHIBITED) });
  const halfBad = kind({ denied: bad(detail.ACCESS_PROHIBITED) });
  return {
    reader: on(kind({ denied: () => prohibited() }), 'read'),
    lister: on(allBad, 'read'),
    waiter: on(halfBad, 'read'),
    writer: on(allBad, 'write'),
    sharer: on(halfBad, 'write'),
    arranger: on(kind({ denied: () => forbidden() }), 'write'),
  };
}

type Policies = ReturnType<typeof policiesOf>;

/** Nothing can be put into a base whose texts lie elsewhere. */
function checkLocal(row: KnowledgeRow): void {
  if (isExternal(row)) throw new HttpError(400, 'External knowledge bases are read-only.');
}

function listRoutes(knowledge: Knowledge): Route[] {
  return [
    route({
      method: 'GET',
      url: base,
      access: verified,
      query: shapes.PageQuery,
      reply: shapes.KnowledgeAccessListResponse,
      handler: ({ user, query }) => knowledge.list(user, query.page ?? 1),
    }),
    route({
      method: 'GET',
      url: `${base}search`,
      access: verified,
      query: shapes.SearchQuery,
      reply: shapes.KnowledgeAccessListResponse,
      handler: ({ user, query }) => knowledge.search(user, query),
    }),
    route({
      method: 'GET',
      url: `${base}search/files`,
      access: verified,
      query: shapes.FileSearchQuery,
      reply: shapes.KnowledgeFileListResponse,
      handler: ({ user, query }) => knowledge.searchFiles(user, query.query, query.include_content, query.page ?? 1),
    }),
    route({
      method: 'POST',
      url: `${base}create`,
      access: may('workspace.knowledge', { status: 403 }),
      body: shapes.KnowledgeForm,
      reply: shapes.KnowledgeResponse,
      handler: ({ user, body }) => knowledge.create(user, body),
    }),
  ];
}

function baseRoutes(knowledge: Knowledge, { reader, writer, sharer }: Policies): Route[] {
  return [
    route({
      method: 'GET',
      url: `${base}:id`,
      access: reader,
      reply: shapes.KnowledgeFilesResponse,
      handler: ({ user, target }) => knowledge.one(user, target),
    }),
    route({
      method: 'POST',
      url: `${base}:id/update`,
      access: writer,
      body: shapes.KnowledgeForm,
      reply: shapes.KnowledgeFilesResponse,
      handler: ({ user, target, body }) => knowledge.update(user, target, body),
    }),
    route({
      method: 'POST',
      url: `${base}:id/access/update`,
      access: sharer,
      body: shapes.KnowledgeAccessGrantsForm,
      reply: shapes.KnowledgeFilesResponse,
      handler: ({ user, target, body }) => knowledge.share(user, target, body.access_grants),
    }),
    route({
      method: 'DELETE',
      url: `${base}:id/delete`,
      access: writer,
      reply: Bool(),
      handler: async ({ user, target }) => {
        await knowledge.remove(user, target);
        return true;
      },
    }),
    route({
      method: 'POST',
      url: `${base}:id/reset`,
      access: writer,
      query: shapes.ResetQuery,
      reply: shapes.KnowledgeResponse,
      handler: ({ user, target, query }) => {
        checkLocal(target);
        return knowledge.reset(user, target, query.include_directories);
      },
    }),
  ];
}

function fileRoutes({ settings }: KnowledgeDeps, knowledge: Knowledge, policies: Policies): Route[] {
  const { lister, waiter, writer, arranger } = policies;
  return [
    route({
      method: 'GET',
      url: `${base}:id/files`,
      access: lister,
      query: shapes.FileListQuery,
      reply: shapes.KnowledgeFileListResponse,
      handler: ({ user, target, query }) => knowledge.files(user, target, query),
    }),
    route({
      method: 'GET',
      url: `${base}:id/files/pending`,
      access: waiter,
      query: shapes.PendingQuery,
      handler: ({ target, query, reply, signal }) => {
        if (query.stream) return streamEvents(reply, signal, PENDING, () => pendingEvent(knowledge, target));
        return knowledge.pending(target);
      },
    }),
    route({
      method: 'POST',
      url: `${base}:id/file/add`,
      access: writer,
      body: shapes.KnowledgeFileIdForm,
      reply: shapes.KnowledgeFilesResponse,
      handler: ({ user, target, body }) => {
        checkLocal(target);
        return knowledge.addFiles(user, target, [body]);
      },
    }),
    route({
      method: 'POST',
      url: `${base}:id/files/batch/add`,
      access: writer,
      body: shapes.KnowledgeFileIdForms,
      reply: shapes.KnowledgeFilesResponse,
      handler: ({ user, target, body }) => {
        checkLocal(target);
        return knowledge.addFiles(user, target, body);
      },
    }),
    route({
      method: 'POST',
      url: `${base}:id/file/update`,
      access: writer,
      body: shapes.KnowledgeFileIdForm,
      reply: shapes.KnowledgeFilesResponse,
      handler: ({ user, target, body }) => {
        checkLocal(target);
        return knowledge.updateFile(user, target, body.file_id);
      },
    }),
    route({
      method: 'POST',
      url: `${base}:id/file/remove`,
      access: writer,
      body: shapes.KnowledgeFileIdForm,
      query: shapes.RemoveQuery,
      reply: shapes.KnowledgeFilesResponse,
      handler: ({ user, target, body, query }) => {
        checkLocal(target);
        const alsoDelete = query.delete_file ?? !settings.get('ENABLE_KNOWLEDGE_FILE_RETENTION');
        return knowledge.removeFile(user, target, body.file_id, alsoDelete);
      },
    }),
    route({
      method: 'POST',
      url: `${base}:id/file/move`,
      access: arranger,
      body: shapes.KnowledgeFileMoveForm,
      reply: Obj({ status: Bool() }),
      handler: async ({ user, target, body }) => {
        checkLocal(target);
        await knowledge.moveFile(user, target, body.file_id, body.directory_id);
        return { status: true };
      },
    }),
  ];
}

const PENDING = { everyMs: 3_000, times: 1_200 };

async function pendingEvent(knowledge: Knowledge, row: KnowledgeRow) {
  const event = await knowledge.pending(row);
  return { event, last: event.length === 0 };
}

function directoryRoutes(knowledge: Knowledge, { arranger }: Policies): Route[] {
  return [
    route({
      method: 'POST',
      url: `${base}:id/dirs/create`,
      access: arranger,
      body: shapes.KnowledgeDirectoryCreateForm,
      reply: shapes.KnowledgeDirectoryModel,
      handler: ({ user, target, body }) => {
        checkLocal(target);
        return knowledge.createDirectory(user, target, body.name, body.parent_id);
      },
    }),
    route({
      method: 'POST',
      url: `${base}:id/dirs/:dir_id/update`,
      access: arranger,
      body: shapes.KnowledgeDirectoryUpdateForm,
      reply: shapes.KnowledgeDirectoryModel,
      handler: ({ user, target, params, body }) => {
        checkLocal(target);
        return knowledge.updateDirectory(user, target, params.dir_id ?? '', body);
      },
    }),
    route({
      method: 'DELETE',
      url: `${base}:id/dirs/:dir_id/delete`,
      access: arranger,
      query: shapes.DirectoryDeleteQuery,
      handler: ({ user, target, params, query }) => {
        checkLocal(target);
        return knowledge.deleteDirectory(user, target, params.dir_id ?? '', query.move_files);
      },
    }),
    route({
      method: 'POST',
      url: `${base}:id/sync/diff`,
      access: arranger,
      body: shapes.SyncDiffForm,
      reply: shapes.SyncDiffResponse,
      handler: ({ target, body }) => {
        checkLocal(target);
        return knowledge.diff(target, body);
      },
    }),
    route({
      method: 'POST',
      url: `${base}:id/sync/cleanup`,
      access: arranger,
      body: shapes.SyncCleanupForm,
      reply: Obj({ status: Bool() }),
      handler: async ({ user, target, body }) => {
        checkLocal(target);
        await knowledge.cleanup(user, target, body);
        return { status: true };
      },
    }),
  ];
}
