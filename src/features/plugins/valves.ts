import { createFernet, fernetKeyOf } from '../../kernel/fernet.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';

/** Stored valves as an object: plain, or an encrypted token; what cannot be read counts as nothing (plugins note, 0.4). */
export function readValves(stored: unknown, secretKey: string): JsonObject {
  if (isObject(stored)) return stored;
  if (typeof stored !== 'string' || stored === '') return {};
  const text = createFernet(fernetKeyOf(secretKey)).decrypt(stored);
  if (text === null) return {};
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** A user's valves of one plugin, as their settings hold them. */
export function userValves(settings: unknown, kind: 'tools' | 'functions', id: string): unknown {
  const section = isObject(settings) ? settings[kind] : null;
  const valves = isObject(section) ? section.valves : null;
  return isObject(valves) ? valves[id] : null;
}
