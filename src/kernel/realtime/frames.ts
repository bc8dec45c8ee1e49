import { toJson } from '../http/answer.ts';

/** What sockets are told in one go: text, and the same as a WebSocket frame. */
export interface Message {
  readonly text: string;
  readonly frame: Buffer[];
}

export function createMessage(event: string, payload: unknown): Message {
  return messageOf(encodeEvent(event, payload));
}

/** A message whose text another process has made. */
export function messageOf(text: string): Message {
  let frame: Buffer[] | undefined;
  return {
    text,
    get frame() {
      frame ??= toFrame(text);
      return frame;
    },
  };
}

/** An event as Socket.IO puts it on the wire; integers beyond 2^53 (`bigint`) keep all digits. */
function encodeEvent(event: string, payload: unknown): string {
  return payload === undefined ? `2[${JSON.stringify(event)}]` : `2[${JSON.stringify(event)},${toJson(payload)}]`;
}

/** Replacer for encoders that would refuse a `bigint`. */
export function writeBigints(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(value.toString());
}

const ENGINE_MESSAGE = 0x34;

/** The WebSocket frame (header and payload, not masked) of an Engine.IO message; made once for all sockets that get it. */
function toFrame(text: string): Buffer[] {
  const length = Buffer.byteLength(text) + 1;
  const payload = Buffer.allocUnsafe(length);
  payload[0] = ENGINE_MESSAGE;
  payload.write(text, 1, 'utf8');
  return [frameHeader(length), payload];
}

const FINAL_TEXT = 0x81;

function frameHeader(length: number): Buffer {
  if (length < 126) return Buffer.from([FINAL_TEXT, length]);
  if (length < 65_536) {
    const header = Buffer.from([FINAL_TEXT, 126, 0, 0]);
    header.writeUInt16BE(length, 2);
    return header;
  }
  const header = Buffer.alloc(10);
  header[0] = FINAL_TEXT;
  header[1] = 127;
  header.writeUIntBE(length, 4, 6);
  return header;
}

/** Reads JSON; integers beyond 2^53 become `bigint`, so that they keep their digits when they are written again. */
export function parseExact(text: string): unknown {
  const read = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
      ? BigInt(context?.source ?? 0)
      : value;
  return JSON.parse(text, read as (key: string, value: unknown) => unknown);
}
