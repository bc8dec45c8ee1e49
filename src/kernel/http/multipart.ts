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

export interface MultipartOptions {
  /** Bytes one file part may have; more answer 413. Default: the server's limit of bodies. */
  fileBytes?: number;
}

/** Reads a multipart body as it arrives. 400 without a boundary, 422-ready empty form for other content types. */
export function readMultipart(request: FastifyRequest, options: MultipartOptions = {}): MultipartForm {
  const fields: Record<string, string> = {};
  return { fields, files: parts(request, fields, options) };
}

async function* parts(
  request: FastifyRequest,
  fields: Record<string, string>,
  { fileBytes }: MultipartOptions,
): AsyncGenerator<UploadedFile> {
  const type = request.headers['content-type'] ?? '';
  if (!/^multipart\/form-data/i.test(type)) return;
  if (!/boundary=/i.test(type)) throw new HttpError(400, 'Missing boundary in multipart.');
  try {
    for await (const part of request.parts(fileBytes === undefined ? {} : { limits: { fileSize: fileBytes } })) {
      if (part.type === 'file') {
        yield { field: part.fieldname, filename: part.filename, type: part.mimetype, stream: part.file };
      } else {
        // A part that is declared as JSON arrives decoded.
        fields[part.fieldname] = typeof part.value === 'string' ? part.value : JSON.stringify(part.value);
      }
    }
  } catch (error) {
    if (!isBrokenForm(error)) throw error;
    throw new HttpError(400, 'There was an error parsing the body', { cause: error });
  } finally {
    // A reader that gave up early leaves the rest unread: it is let run out, so that the client can read the answer.
    request.raw.unpipe();
    request.raw.resume();
  }
}

/** Whether the form broke off or cannot be read; the parser's own complaints carry plain texts and no code. */
export function isBrokenForm(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^(?:Unexpected end of (?:form|multipart data)|Malformed part header|Part terminated early|Multipart: )/.test(
      error.message,
    )
  );
}
