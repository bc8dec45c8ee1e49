import type { FastifyReply, FastifyRequest } from 'fastify';
import { notFound } from '../../kernel/http/errors.ts';
import { type FoundFile, sendFile } from '../../kernel/http/file-answer.ts';
import { mediaType } from '../../kernel/http/media-types.ts';
import { isObject } from '../../kernel/json.ts';
import { encodeName } from './names.ts';
import { presentMeta } from './present.ts';
import type { FileHead } from './store.ts';

export interface Exchange {
  request: FastifyRequest;
  reply: FastifyReply;
}

/** The bytes as `/content` gives them: PDF and plain text to look at, everything else to keep (retrieval note, 2.7). */
export async function serveContent(
  { request, reply }: Exchange,
  file: FileHead,
  found: FoundFile | null,
  attachment: boolean,
) {
  if (!found) throw notFound();
  const { name, type } = describe(file, found);
  const isPdf = type === 'application/pdf' || name.toLowerCase().endsWith('.pdf');
  const disposition = `filename*=UTF-8''${encodeName(name)}`;
  if (attachment) reply.header('content-disposition', `attachment; ${disposition}`);
  else if (isPdf) reply.header('content-disposition', `inline; ${disposition}`);
  else if (type !== 'text/plain') reply.header('content-disposition', `attachment; ${disposition}`);
  reply.header('x-content-type-options', 'nosniff');
  const sent = isPdf && !attachment ? 'application/pdf' : type;
  return sendFile(request, reply, found, { type: withCharset(sent), precompressed: false });
}

/** An administrator's page, shown in place; without the powers of the site it comes from. */
export async function servePage({ request, reply }: Exchange, found: FoundFile | null) {
  if (!found) throw notFound();
  reply.header('x-content-type-options', 'nosniff');
  return sendFile(request, reply, found, { precompressed: false });
}

/** What was read from a file whose bytes are gone, as a text to keep. */
export function serveText({ reply }: Exchange, file: FileHead, text: string) {
  const name = describe(file, null).name;
  return reply
    .header('content-disposition', `attachment; filename*=UTF-8''${encodeName(name)}`)
    .type('text/plain; charset=utf-8')
    .send(text);
}

function describe(file: FileHead, found: FoundFile | null): { name: string; type: string } {
  const meta = presentMeta(isObject(file.meta) ? file.meta : {});
  const name = typeof meta.name === 'string' && meta.name !== '' ? meta.name : (file.filename ?? 'file');
  return { name, type: meta.content_type ?? (found ? mediaType(found.path) : 'application/octet-stream') };
}

/** A stored type goes into a header: it is what a client once declared. */
function withCharset(type: string): string {
  if (!/^[\w.+-]+\/[\w.+-]+(?:\s*;[\x20-\x7e]*)?$/.test(type)) return 'application/octet-stream';
  return type.startsWith('text/') && !type.includes('charset') ? `${type}; charset=utf-8` : type;
}
