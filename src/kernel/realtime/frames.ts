import { toJson } from '../http/answer.ts';

/** What sockets are told in one go: text, and the same as a WebSocket frame. */
export interface Message {
  readonly text: string;
  readonly frame: Buffer;
}

export function createMessage(event: string, payload: unknown): Message {
  return messageOf(encodeEvent(event, payload));
}

/** A message whose text another process has made. */
export function messageOf(text: string): Message {
  let frame: Buffer | undefined;
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

/** The WebSocket frame (not masked) of an Engine.IO message; made once for all sockets that get it. */
function toFrame(text: string): Buffer {
  const length = Buffer.byteLength(text) + 1;
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(start + length);
  frame[0] = FINAL_TEXT;
  if (start === 2) {
    frame[1] = length;
  } else if (start === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame[start] = ENGINE_MESSAGE;
  frame.write(text, start + 1, 'utf8');
  return frame;
}

const FINAL_TEXT = 0x81;

/** Reads JSON; integers beyond 2^53 become `bigint`, so that they keep their digits when they are written again. */
export function parseExact(text: string): unknown {
  const read = (_key: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? '')
      ? BigInt(context?.source ?? 0)
      : value;
  return JSON.parse(text, read as (key: string, value: unknown) => unknown);
}
