import type { RawData, WebSocket } from 'ws';
import { isObject, type JsonObject } from '../../kernel/json.ts';

/** The address of a provider's Realtime API for a model; null for a base URL that is none. */
export function realtimeUrl(base: string, model: string): string | null {
  if (!URL.canParse(base)) return null;
  const url = new URL(base);
  const plain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!plain || !/^https?:$/.test(url.protocol) || /[?#]/.test(base)) return null;
  return `${base.replace(/^http/i, 'ws').replace(/\/+$/, '')}/realtime?model=${encodeURIComponent(model)}`;
}

/** A message as JSON object; null for anything else. */
export function readEvent(data: RawData, isBinary: boolean): JsonObject | null {
  if (isBinary) return null;
  try {
    const value: unknown = JSON.parse(String(data));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

export function sendEvent(socket: WebSocket, event: JsonObject): void {
  socket.send(JSON.stringify(event));
}
