import type { JsonObject } from '../../kernel/json.ts';

/** What a server gave: a value, and what decides how it is shown. */
export interface ServerAnswer {
  value: unknown;
  /** Names in lower case. */
  headers?: Record<string, string>;
  /** Pictures and sounds, as data URLs. */
  files?: JsonObject[];
}

/** A tool of a server, for one turn. */
export interface ServerTool {
  /** As the model knows it. */
  name: string;
  /** `server:shop`, `server:mcp:calc`. */
  toolId: string;
  spec: JsonObject;
  /** The server checks arguments itself. */
  takesAnything: boolean;
  /** Throws with a text for the model, or the reason of the signal. */
  run(args: JsonObject, signal: AbortSignal): Promise<ServerAnswer>;
}

/** What a chat names as tools: `server:shop`, `server:openapi:shop`, `server:mcp:calc`, with `|one,two` only these functions. */
export interface ServerToolId {
  type: 'openapi' | 'mcp';
  id: string;
  functions: ReadonlySet<string> | null;
}

export function readToolId(toolId: string): ServerToolId | null {
  const [whole = '', list] = toolId.split('|', 2);
  const match = /^server:(?:(mcp|openapi):)?(.+)$/s.exec(whole);
  if (!match?.[2]) return null;
  const functions = (list ?? '').split(',').flatMap((one) => (one.trim() === '' ? [] : [one.trim()]));
  return {
    type: match[1] === 'mcp' ? 'mcp' : 'openapi',
    id: match[2],
    functions: functions.length > 0 ? new Set(functions) : null,
  };
}

const LONGEST_NAME = 64;

/** A name providers take: letters, digits, `_` and `-`. */
export function toolName(name: string): string {
  return name.replace(/[^\w-]/g, '_').slice(0, LONGEST_NAME);
}
