import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { mediaType } from './media-types.ts';

export interface FoundFile {
  path: string;
  stats: Stats;
}

/**
 * The file a URL path names below `root`, or null: also for paths that lead out of it (`..`, links), hold NUL or are not
 * decodable. A folder gives its `index.html`.
 */
export async function findFile(root: string, urlPath: string): Promise<FoundFile | null> {
  const relative = decode(urlPath);
  if (relative === null) return null;
  const found = await look(join(root, relative));
  if (!found) return null;
  if (found.stats.isDirectory()) return findFile(root, `${urlPath.replace(/\/+$/, '')}/index.html`);
  if (!found.stats.isFile()) return null;
  const [real, base] = await Promise.all([realpath(found.path), realpath(root)]);
  return real.startsWith(base.endsWith(sep) ? base : base + sep) ? found : null;
}

function decode(urlPath: string): string | null {
  let path: string;
  try {
    path = decodeURIComponent(urlPath);
  } catch {
    return null;
  }
  const parts = path.split('/');
  return path.includes('\0') || path.includes('\\') || parts.includes('..') ? null : path;
}

async function look(path: string): Promise<FoundFile | null> {
  try {
    return { path, stats: await stat(path) };
  } catch {
    return null;
  }
}

const ENCODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

/** The precompressed copy the client takes, if there is one. */
async function compressedCopy(file: FoundFile, accepted: string): Promise<(FoundFile & { encoding: string }) | null> {
  for (const [encoding, extension] of ENCODINGS) {
    if (!accepts(accepted, encoding)) continue;
    const copy = await look(file.path + extension);
    if (copy?.stats.isFile()) return { ...copy, encoding };
  }
  return null;
}

function accepts(header: string, encoding: string): boolean {
  for (const part of header.split(',')) {
    const [name = '', ...parameters] = part.trim().split(/\s*;\s*/);
    if (name !== encoding && name !== '*') continue;
    return !parameters.some((one) => /^q=0(\.0*)?$/i.test(one));
  }
  return false;
}

interface SendOptions {
  /** Content type; default is by the end of the name. */
  type?: string;
  /** Whether `.br` and `.gz` copies may lie beside the file; default true. */
  precompressed?: boolean;
}

/** Answers with a file: validators, 304, one range, HEAD, precompressed copies. Headers set before stay. */
export async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  file: FoundFile,
  { type, precompressed = true }: SendOptions = {},
): Promise<FastifyReply> {
  const { headers, method } = request;
  const range = method === 'GET' ? headers.range : undefined;
  const copies = precompressed && range === undefined;
  const copy = copies ? await compressedCopy(file, String(headers['accept-encoding'] ?? '')) : null;
  const { path, stats } = copy ?? file;
  const etag = tagOf(stats);
  reply
    .header('etag', etag)
    .header('last-modified', stats.mtime.toUTCString())
    .header('accept-ranges', 'bytes')
    .header('vary', withVary(reply.getHeader('vary')));
  if (isFresh(headers, etag, stats)) return reply.code(304).send();
  reply.type(type ?? mediaType(file.path));
  if (copy) reply.header('content-encoding', copy.encoding);
  if (method === 'HEAD') return reply.header('content-length', stats.size).send();
  const part = range === undefined ? null : parseRange(range, headers['if-range'], etag, stats);
  if (part === 'unsatisfiable') {
    return reply.code(416).header('content-range', `bytes */${stats.size}`).type('text/plain; charset=utf-8').send('');
  }
  if (part) {
    reply.code(206).header('content-range', `bytes ${part.start}-${part.end}/${stats.size}`);
    return reply.header('content-length', part.end - part.start + 1).send(createReadStream(path, part));
  }
  return reply.header('content-length', stats.size).send(createReadStream(path));
}

function tagOf(stats: Stats): string {
  const text = `${stats.mtimeMs / 1_000}-${stats.size}`;
  return `"${createHash('md5').update(text).digest('hex')}"`;
}

function withVary(present: unknown): string {
  const names = typeof present === 'string' && present !== '' ? present.split(/\s*,\s*/) : [];
  return [...new Set([...names, 'Accept-Encoding'])].join(', ');
}

function isFresh(headers: FastifyRequest['headers'], etag: string, stats: Stats): boolean {
  const tags = headers['if-none-match'];
  if (tags !== undefined) return tags.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return !Number.isNaN(since) && Math.floor(stats.mtimeMs / 1_000) * 1_000 <= since;
}

type Part = { start: number; end: number };

/** One byte range. Null (the whole file) for what cannot be read, for several ranges, and when If-Range no longer holds. */
function parseRange(range: string, condition: unknown, etag: string, stats: Stats): Part | 'unsatisfiable' | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range.trim());
  if (!match) return null;
  if (typeof condition === 'string' && condition !== etag && condition !== stats.mtime.toUTCString()) return null;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return null;
  const start = first === '' ? Math.max(0, stats.size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? stats.size - 1 : Math.min(Number(last), stats.size - 1);
  return start > end || start >= stats.size ? 'unsatisfiable' : { start, end };
}
