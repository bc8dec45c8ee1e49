import type { FastifyReply } from 'fastify';

/** An answer whose JSON text exists already; sent as it is. */
export class JsonText {
  readonly text: string | Buffer;
  constructor(text: string | Buffer) {
    this.text = text;
  }
}

/** Compact JSON; integers beyond 2^53 (`bigint`) are written digit by digit. `undefined` becomes `null`. */
export function toJson(value: unknown): string {
  if (value === undefined) return 'null';
  try {
    return JSON.stringify(value) ?? 'null';
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return JSON.stringify(value, (_key, member) => (typeof member === 'bigint' ? rawJson(member) : member)) ?? 'null';
  }
}

function rawJson(digits: bigint): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(digits.toString());
}

/** Sends a value as the reference does: `application/json` without a charset parameter. */
export function sendJson(reply: FastifyReply, value: unknown): FastifyReply {
  // A Buffer keeps Fastify from appending a charset.
  const body = value instanceof JsonText ? value.text : toJson(value);
  return reply.type('application/json').send(typeof body === 'string' ? Buffer.from(body) : body);
}
