import { admin, on, resource, verified } from '../../kernel/http/access.ts';
import { notFound, ValidationError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Int, List } from '../../kernel/http/shapes.ts';
import { presentFile } from './present.ts';
import { serveContent, servePage, serveText } from './serve.ts';
import type { FileService, FilesDeps } from './service.ts';
import * as shapes from './shapes.ts';
import { streamStatus } from './status-stream.ts';
import { type FileHead, findHead, statusOf, textOf } from './store.ts';

/** Files: upload, lists, reading, serving, changing (retrieval note, 2). */
export function fileRoutes(deps: FilesDeps, files: FileService): Route[] {
  return [...collectionRoutes(files), ...readRoutes(deps, files), ...changeRoutes(deps, files)];
}

const root = '/api/v1/files/';

function collectionRoutes(files: FileService): Route[] {
  return [
    route({
      method: 'POST',
      url: root,
      access: verified,
      multipart: true,
      query: shapes.UploadQuery,
      reply: shapes.FileModelResponse,
      handler: async ({ user, query, form }) => {
        const parts = await form({ fileBytes: Number.POSITIVE_INFINITY });
        const kept = await files.upload(user, parts, query);
        if (kept) return kept;
        throw noFile(parts.fields.file);
      },
    }),
    route({
      method: 'GET',
      url: root,
      access: verified,
      query: shapes.FileListQuery,
      reply: shapes.FileListResponse,
      handler: ({ user, query }) => files.list(user, query.page, query.content),
    }),
    route({
      method: 'GET',
      url: `${root}search`,
      access: verified,
      query: shapes.FileSearchQuery,
      reply: List(shapes.FileModelResponse),
      handler: async ({ user, query }) => {
        const found = await files.search(user, query, false);
        if (found.length === 0) throw notFound('No files found matching the pattern.');
        return found;
      },
    }),
    route({
      method: 'GET',
      url: `${root}user/search`,
      access: verified,
      query: shapes.OwnFileSearchQuery,
      reply: List(shapes.FileModelResponse),
      handler: ({ user, query }) => files.search(user, query, true),
    }),
    route({
      method: 'GET',
      url: `${root}count`,
      access: verified,
      reply: Int(),
      handler: ({ user }) => files.count(user, false),
    }),
    route({
      method: 'GET',
      url: `${root}user/count`,
      access: verified,
      reply: Int(),
      handler: ({ user }) => files.count(user, true),
    }),
    route({
      method: 'DELETE',
      url: `${root}all`,
      access: admin,
      reply: shapes.MessageReply,
      handler: async ({ user }) => {
        await files.removeAll(user);
        return { message: 'All files deleted successfully' };
      },
    }),
  ];
}

/** A form without a file; `text`: what it has in the file's place. */
function noFile(text?: string): ValidationError {
  const problem =
    text === undefined
      ? { type: 'missing', msg: 'Field required', input: null }
      : { type: 'value_error', msg: 'Value error, a file was expected', input: text };
  return new ValidationError([{ ...problem, loc: ['body', 'file'] }]);
}

/** Whoever may not see a file is told that there is none. */
function fileResource({ database }: FilesDeps, files: FileService) {
  return resource<FileHead>({
    name: 'file',
    load: (id) => findHead(database.db, id),
    allows: (user, file, right) => files.allows(user, file, right === 'write' ? 'write' : 'read'),
    denied: () => notFound(),
  });
}

function readRoutes(deps: FilesDeps, files: FileService): Route[] {
  const { db } = deps.database;
  const reader = on(fileResource(deps, files), 'read');
  const owner = (id: string | null): Promise<Pick<User, 'role'> | undefined> =>
    db.selectFrom('user').select('role').where('id', '=', id).executeTakeFirst() as Promise<User | undefined>;
  return [
    route({
      method: 'GET',
      url: `${root}:id`,
      access: reader,
      reply: shapes.FileModel,
      handler: async ({ target }) => presentFile(await files.whole(target.id)),
    }),
    route({
      method: 'GET',
      url: `${root}:id/process/status`,
      access: reader,
      query: shapes.StatusQuery,
      reply: shapes.StatusReply,
      handler: async ({ target, query, reply, signal }) => {
        if (query.stream) return streamStatus(reply, signal, () => statusOf(db, target.id));
        return { status: (await statusOf(db, target.id))?.status ?? 'pending' };
      },
    }),
    route({
      method: 'GET',
      url: `${root}:id/data/content`,
      access: reader,
      reply: shapes.ContentReply,
      handler: async ({ target }) => ({ content: await textOf(db, target.id) }),
    }),
    route({
      method: 'GET',
      url: `${root}:id/content`,
      access: reader,
      query: shapes.ContentQuery,
      handler: async (input) =>
        serveContent(input, input.target, await files.find(input.target), input.query.attachment),
    }),
    route({
      method: 'GET',
      url: `${root}:id/content/html`,
      access: reader,
      handler: async (input) => {
        if ((await owner(input.target.user_id))?.role !== 'admin') throw notFound();
        return servePage(input, await files.find(input.target));
      },
    }),
    route({
      method: 'GET',
      url: `${root}:id/content/:file_name`,
      access: reader,
      handler: async (input) => {
        const found = await files.find(input.target);
        if (found) return serveContent(input, input.target, found, true);
        return serveText(input, input.target, await textOf(db, input.target.id));
      },
    }),
  ];
}

function changeRoutes(deps: FilesDeps, files: FileService): Route[] {
  const writer = on(fileResource(deps, files), 'write');
  return [
    route({
      method: 'POST',
      url: `${root}:id/data/content/update`,
      access: writer,
      body: shapes.ContentForm,
      reply: shapes.ContentReply,
      handler: async ({ user, target, body }) => {
        await files.setText(user, target, body.content);
        return { content: body.content };
      },
    }),
    route({
      method: 'POST',
      url: `${root}:id/rename`,
      access: writer,
      body: shapes.FileRenameForm,
      reply: shapes.FileModel,
      handler: async ({ user, target, body }) => presentFile(await files.rename(user, target, body.filename)),
    }),
    route({
      method: 'DELETE',
      url: `${root}:id`,
      access: writer,
      reply: shapes.MessageReply,
      handler: async ({ user, target }) => {
        await files.remove(user, target);
        return { message: 'File deleted successfully' };
      },
    }),
  ];
}
