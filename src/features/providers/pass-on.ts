import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Incoming } from '../../kernel/egress/index.ts';
import { ValidationError } from '../../kernel/http/errors.ts';
import type { Credential, User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { isStream, relayHeaders } from './openai/client.ts';
import type { Call, Relay } from './types.ts';

/** What a route's handler gets that a call to a provider needs. */
interface Live {
  user: User;
  credential: Credential | null;
  request: FastifyRequest;
  signal: AbortSignal;
}

/** The call a request makes on behalf of its caller. */
export function callOf({ user, credential, request, signal }: Live, metadata: unknown = {}): Call {
  const { cookie, 'user-agent': userAgent } = request.headers;
  return { user, signal, metadata: isObject(metadata) ? metadata : {}, caller: { credential, cookie, userAgent } };
}

/** Sends a stream on; the provider's connection is closed when either side ends. */
export function sendRelay(reply: FastifyReply, { status, headers, body }: Relay): FastifyReply {
  reply.raw.once('close', () => body.destroy());
  body.on('error', () => {});
  return reply.code(status).headers(headers).send(body);
}

/** An answer of a provider that did not refuse: streams as they are, everything else as JSON with 200 (note 2.5). */
export async function passOn(reply: FastifyReply, answer: Incoming): Promise<unknown> {
  if (isStream(answer)) {
    return sendRelay(reply, { status: answer.status, headers: relayHeaders(answer.headers), body: answer.body });
  }
  const text = await answer.text(256 * 1024 * 1024);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** A streamed answer whatever its type, as bytes. */
export function sendRaw(reply: FastifyReply, answer: Incoming, type?: string): FastifyReply {
  const headers = relayHeaders(answer.headers);
  if (type) headers['content-type'] = type;
  return sendRelay(reply, { status: answer.status, headers, body: answer.body });
}

/** A whole number from the path; 422 for anything else. */
export function indexParam(params: Record<string, string>, name = 'url_idx'): number {
  const text = params[name] ?? '';
  if (/^[+-]?\d+$/.test(text)) return Number(text);
  const msg = 'Input should be a valid integer, unable to parse string as an integer';
  throw new ValidationError([{ type: 'int_parsing', loc: ['path', name], msg, input: text }]);
}

/** An object without its null members. */
export function withoutNulls(body: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null && value !== undefined));
}
