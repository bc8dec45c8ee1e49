import type { FastifyReply } from 'fastify';
import { LARGE_ANSWER, sendLarge } from './large-answer.ts';

/** An answer whose JSON text exists already, in one piece or in several; sent as it is. */
export class JsonText {
  readonly text: string | Buffer | readonly Buffer[];
  constructor(text: string | Buffer | readonly Buffer[]) {
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
  const text = value instanceof JsonText ? value.text : toJson(value);
  const parts = typeof text === 'string' ? [Buffer.from(text)] : Buffer.isBuffer(text) ? [text] : text;
  reply.type('application/json');
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length >= LARGE_ANSWER) return sendLarge(reply, parts);
  return reply.send(parts.length === 1 ? parts[0] : Buffer.concat(parts));
}
