import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { type Database, json } from '../../kernel/database/index.ts';
import { detail, HttpError, notFound, ValidationError, wrapped } from '../../kernel/http/errors.ts';
import { mediaType } from '../../kernel/http/media-types.ts';
import { isBrokenForm, type MultipartForm, type UploadedFile } from '../../kernel/http/multipart.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import { EmptyError, type Storage, type Stored, TooLargeError } from '../../kernel/storage/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import { nowSeconds } from '../../kernel/time.ts';
import type { Access, Right } from '../access/index.ts';
import type { EventSink } from '../configuration/index.ts';
import { extensionOf, globPattern, safeName } from './names.ts';
import { presentListed } from './present.ts';
import { inChannel, reachable } from './reach.ts';
import { createReading, sha256, type Transcribe } from './reading.ts';
import type { FileSearchQuery, UploadQuery } from './shapes.ts';
import * as store from './store.ts';

export interface FilesDeps {
  database: Database;
  settings: Pick<Settings, 'get'>;
  config: Pick<Config, 'get'>;
  access: Pick<Access, 'groupIds'>;
  storage: Storage;
  events: EventSink;
  log: Pick<Log, 'error'>;
  /** What else is to be done with an upload that has been read; an HttpError's text becomes the file's error. */
  attach(user: User, file: { id: string; hash: string | null }, metadata: JsonObject): Promise<void>;
  findUser(id: string): Promise<User | null>;
  transcribe: Transcribe;
}

const MEGABYTE = 1024 * 1024;
const PAGE = 50;
const PREVIEW = 300;

export type FileService = ReturnType<typeof createFileService>;

/** Rules of files (retrieval note, 2). */
export function createFileService(deps: FilesDeps) {
  const { database, settings, config, access, storage, events } = deps;
  const { log } = deps;
  const { db } = database;
  const reading = createReading(deps);

  const viewerOf = async (user: User) => ({ id: user.id, groupIds: await access.groupIds(user.id) });
  const isOwn = (user: User, file: { user_id: string | null }) => user.role === 'admin' || file.user_id === user.id;
  const scopeOf = (user: User) =>
    user.role === 'admin' && settings.get('BYPASS_ADMIN_ACCESS_CONTROL') ? {} : { userId: user.id };
  const maxBytes = () => (config.get('rag.file.max_size') ?? 0) * MEGABYTE || Number.POSITIVE_INFINITY;
  const tooLarge = () =>
    new HttpError(
      413,
      `Oops! The file you're trying to upload is too large. Please upload a file that is less than ${config.get('rag.file.max_size')} MB.`,
    );
  const publish = (event: string, actor: User, id: string, data: Record<string, unknown>) =>
    events.publish(event, { actor, subject: { type: 'file', id }, data });

  async function allows(user: User, file: store.FileHead, right: Right): Promise<boolean> {
    return isOwn(user, file) || (await reachable(db, await viewerOf(user), [file.id], right)).has(file.id);
  }

  async function keep(id: string, name: string, part: Pick<UploadedFile, 'stream'>): Promise<Stored> {
    try {
      return await storage.put(id, name, part.stream, maxBytes());
    } catch (error) {
      if (error instanceof TooLargeError) throw tooLarge();
      if (isBrokenForm(error)) {
        throw new ValidationError([{ type: 'missing', loc: ['body', 'file'], msg: 'Field required', input: null }]);
      }
      if (error instanceof EmptyError) throw new HttpError(400, detail.EMPTY_CONTENT);
      const text = diskProblem(error) ?? 'Error uploading file';
      log.error({ err: error }, 'an upload could not be stored');
      throw new HttpError(400, wrapped(text), { cause: error });
    }
  }

  function checkExtension(name: string): void {
    const allowed = config.get('rag.file.allowed_extensions') ?? [];
    const extension = extensionOf(name);
    if (allowed.length > 0 && !allowed.includes(extension)) {
      throw new HttpError(400, wrapped(`File type ${extension} is not allowed`));
    }
  }

  /** Stores the first `file` part; the others are read past. The text parts are complete afterwards. */
  async function receive(form: MultipartForm, checked: boolean): Promise<Received | null> {
    let received: Received | null = null;
    try {
      for await (const part of form.files) {
        if (part.field !== 'file' || received) {
          part.stream.resume();
          continue;
        }
        const [id, name] = [randomUUID(), safeName(part.filename)];
        if (checked) checkExtension(name);
        received = { id, name, type: part.type || 'application/octet-stream', ...(await keep(id, name, part)) };
      }
      return received;
    } catch (error) {
      if (received) await storage.delete(received.path);
      throw error;
    }
  }

  async function linkToChannel(user: User, channelId: string, fileId: string): Promise<void> {
    const channel = await db
      .selectFrom('channel')
      .select('channel.id')
      .where('channel.id', '=', channelId)
      .where(inChannel(await viewerOf(user)))
      .executeTakeFirst();
    if (channel) await store.linkToChannel(db, channel.id, fileId, user.id);
  }

  return {
    allows,

    /** Of these ids, those the user may not read; ids without a file are among them. */
    async unreadable(user: User, ids: readonly string[]): Promise<string[]> {
      const owners = await store.ownersOf(db, ids);
      const foreign =
        user.role === 'admin' ? [] : [...owners].flatMap(([id, owner]) => (owner === user.id ? [] : [id]));
      const open = foreign.length === 0 ? null : await reachable(db, await viewerOf(user), foreign, 'read');
      return ids.filter((id) => !owners.has(id) || (foreign.includes(id) && !open?.has(id)));
    },

    /** Keeps an upload; null when the form has no file. */
    async upload(user: User, form: MultipartForm, query: UploadQuery) {
      const received = await receive(form, query.process);
      if (!received) return null;
      try {
        const metadata = readMetadata(form.fields.metadata);
        const row = rowOf(received, user, metadata, query.process);
        await store.insertFile(db, { ...row, data: json(row.data), meta: json(row.meta) });
        const { channel_id: channelId } = metadata;
        if (typeof channelId === 'string' && channelId !== '') await linkToChannel(user, channelId, row.id);
        publish('file.uploaded', user, row.id, { filename: row.filename, content_type: row.meta.content_type });
        if (!query.process) return presentListed(row);
        if (query.process_in_background) reading.enqueue(row.id);
        else await reading.read(row.id);
        return { ...presentListed(row), status: true, path: row.path };
      } catch (error) {
        if (!(await store.findHead(db, received.id))) await storage.delete(received.path);
        throw error;
      }
    },

    /** Keeps bytes that a tool or a model made for a user; no text is read from them. Throws 413 as for uploads. */
    async keepBytes(user: User, file: OwnFile): Promise<{ id: string }> {
      const [id, name] = [randomUUID(), safeName(file.name)];
      const stored = await keep(id, name, { stream: Readable.from([file.bytes]) });
      try {
        const row = rowOf({ id, name, type: file.type, ...stored }, user, file.metadata ?? {}, false);
        await database.transaction(async (tx) => {
          await store.insertFile(tx, { ...row, data: json(row.data), meta: json(row.meta) });
          if (file.chat) await store.linkToChat(tx, file.chat, id, user.id);
        });
        publish('file.uploaded', user, id, { filename: name, content_type: file.type });
        return { id };
      } catch (error) {
        if (!(await store.findHead(db, id))) await storage.delete(stored.path);
        throw error;
      }
    },

    async list(user: User, page: number, content: boolean) {
      const scope = scopeOf(user);
      const [items, total] = await Promise.all([
        store.listFiles(db, scope, { order: 'updated_at', offset: (page - 1) * PAGE, limit: PAGE, content }),
        store.countFiles(db, scope),
      ]);
      return { items: items.map(presentListed), total };
    },

    async search(user: User, query: FileSearchQuery, ownOnly: boolean) {
      const { filename, skip: offset, limit, content } = query;
      const scope = ownOnly ? { userId: user.id } : scopeOf(user);
      const page = { order: 'created_at', offset, limit, content } as const;
      const rows = await store.listFiles(db, { ...scope, pattern: globPattern(filename) }, page);
      return rows.map(presentListed);
    },

    count: (user: User, ownOnly: boolean) => store.countFiles(db, ownOnly ? { userId: user.id } : scopeOf(user)),

    async whole(id: string): Promise<store.FileRow> {
      const row = await store.findFile(db, id);
      if (!row) throw notFound();
      return row;
    },

    async rename(user: User, file: store.FileHead, name: string): Promise<store.FileRow> {
      await database.transaction((tx) => store.changeFile(tx, file.id, { filename: name, meta: { name } }));
      publish('file.renamed', user, file.id, { filename: name });
      return this.whole(file.id);
    },

    /** Replaces the text that was read from a file. */
    async setText(user: User, file: store.FileHead, content: string): Promise<void> {
      if (content.trim() === '') throw new HttpError(400, detail.EMPTY_CONTENT);
      if (Buffer.byteLength(content) > maxBytes()) throw tooLarge();
      const data = { content, status: 'completed', error: null };
      await database.transaction((tx) => store.changeFile(tx, file.id, { data, hash: sha256(content) }));
      publish('file.content_updated', user, file.id, { content_preview: content.slice(0, PREVIEW) });
    },

    async setType(id: string, type: string): Promise<void> {
      await database.transaction((tx) => store.changeFile(tx, id, { meta: { content_type: type } }));
    },

    async discard(id: string): Promise<void> {
      const file = await store.findHead(db, id);
      if (!file) return;
      await database.transaction((tx) => store.deleteFiles(tx, [id]));
      if (file.path !== null) await storage.delete(file.path);
    },

    async remove(user: User, file: store.FileHead): Promise<void> {
      await this.discard(file.id);
      publish('file.deleted', user, file.id, { filename: file.filename });
    },

    async removeAll(user: User): Promise<void> {
      await database.transaction((tx) => store.deleteFiles(tx, 'all'));
      await storage.deleteAll();
      events.publish('file.deleted_all', { actor: user, subject: { type: 'file', id: 'all' }, data: {} });
    },

    find: (file: Pick<store.FileHead, 'path'>) =>
      file.path === null ? Promise.resolve(null) : storage.find(file.path),
    async text(user: User, id: string): Promise<{ name: string; text: string } | null> {
      const file = await store.findHead(db, id);
      if (!file || !(await allows(user, file, 'read'))) return null;
      const text = await store.textOf(db, id);
      const name = isObject(file.meta) && typeof file.meta.name === 'string' ? file.meta.name : (file.filename ?? '');
      return text === '' ? null : { name, text };
    },
    async content(user: User, id: string, maxBytes: number): Promise<{ type: string; bytes: Buffer } | null> {
      const file = await store.findHead(db, id);
      if (!file || file.path === null || !(await allows(user, file, 'read'))) return null;
      const found = await storage.find(file.path);
      if (!found || found.stats.size > maxBytes) return null;
      const type = isObject(file.meta) && typeof file.meta.content_type === 'string' ? file.meta.content_type : '';
      return { type: type || mediaType(found.path), bytes: await readFile(found.path) };
    },
    resume: reading.resume.bind(reading),
    close: reading.close,
  };
}

/** A file the program itself has made or was given. */
export interface OwnFile {
  name: string;
  type: string;
  bytes: Buffer;
  metadata?: JsonObject;
  /** The message it is shown with; its readers may read the file. */
  chat?: { id: string; messageId: string | null };
}

interface Received extends Stored {
  id: string;
  name: string;
  type: string;
}

function rowOf(received: Received, user: User, metadata: JsonObject, process: boolean) {
  const { id, name, type, path, bytes, sha256: hash } = received;
  const now = nowSeconds();
  return {
    id,
    user_id: user.id,
    hash: null,
    filename: name,
    path,
    data: process ? { status: 'pending' } : {},
    meta: {
      name,
      content_type: type,
      size: bytes,
      file_hash: typeof metadata.file_hash === 'string' && metadata.file_hash !== '' ? metadata.file_hash : hash,
      data: metadata,
    },
    created_at: now,
    updated_at: now,
  };
}

function readMetadata(text: string | undefined): JsonObject {
  if (text === undefined || text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
    if (value === null) return {};
  } catch {
    // Answered below, as any other text that is no object.
  }
  throw new HttpError(400, wrapped('Invalid metadata format'));
}

const DISK_PROBLEMS: Record<string, string> = {
  ENOSPC: 'No space left on device',
  EDQUOT: 'Disk quota exceeded',
  EACCES: 'Permission denied',
  EROFS: 'Read-only file system',
  ENAMETOOLONG: 'File name too long',
};

function diskProblem(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return DISK_PROBLEMS[code] ?? null;
}
