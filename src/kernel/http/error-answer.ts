import type { FastifyReply, FastifyRequest } from 'fastify';
import { sendJson } from './answer.ts';
import { HttpError } from './errors.ts';

/** Turns anything thrown into the wire envelope. A 500 carries no internal text; the request id header leads to the log. */
export function answerError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  translate: (error: unknown) => HttpError | null,
): FastifyReply {
  const known = error instanceof HttpError ? error : (translate(error) ?? fromFramework(error));
  if (known) {
    if (known.status >= 500) request.log.error({ err: known.cause ?? known, code: known.code }, 'request failed');
    if (known.headers) reply.headers(known.headers);
    reply.code(known.status);
    if (typeof known.body === 'string') return reply.type('text/plain; charset=utf-8').send(known.body);
    return sendJson(reply, known.body === undefined ? { detail: known.detail } : known.body);
  }
  request.log.error({ err: error, method: request.method, path: request.url.split('?')[0] }, 'unexpected error');
  return reply.code(500).type('text/plain; charset=utf-8').send('Internal Server Error');
}

const FRAMEWORK: Record<string, [status: number, detail: string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'Request body is too large.'],
  FST_REQ_FILE_TOO_LARGE: [413, 'Uploaded file is too large.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'There was an error parsing the body'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [400, 'There was an error parsing the body'],
  FST_ERR_BAD_URL: [400, 'The URL is not valid.'],
};

function fromFramework(error: unknown): HttpError | null {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  const entry = FRAMEWORK[code];
  return entry ? new HttpError(entry[0], entry[1], { code, cause: error }) : null;
}
