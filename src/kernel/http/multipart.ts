import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { HttpError } from './errors.ts';

export interface UploadedFile {
  field: string;
  filename: string;
  /** Media type the client declared. */
  type: string;
  stream: Readable;
}

export interface MultipartForm {
  /** Text parts seen so far by name; the last one counts. Complete once `files` is exhausted. */
  fields: Record<string, string>;
  /** File parts in order; each stream must be consumed before the next is asked for. */
  files: AsyncIterable<UploadedFile>;
}

/** Reads a multipart body as it arrives. 400 without a boundary, 422-ready empty form for other content types. */
export function readMultipart(request: FastifyRequest): MultipartForm {
  const fields: Record<string, string> = {};
  return { fields, files: parts(request, fields) };
}

async function* parts(request: FastifyRequest, fields: Record<string, string>): AsyncGenerator<UploadedFile> {
  const type = request.headers['content-type'] ?? '';
  if (!/^multipart\/form-data/i.test(type)) return;
  if (!/boundary=/i.test(type)) throw new HttpError(400, 'Missing boundary in multipart.');
  for await (const part of request.parts()) {
    if (part.type === 'file') {
      yield { field: part.fieldname, filename: part.filename, type: part.mimetype, stream: part.file };
    } else if (typeof part.value === 'string') {
      fields[part.fieldname] = part.value;
    }
  }
}
