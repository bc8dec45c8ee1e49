import { toJson } from '../../../kernel/http/answer.ts';
import type { JsonObject } from '../../../kernel/json.ts';
import type { TurnTool } from '../turn/turn.ts';

interface Parameter extends JsonObject {
  type: string;
  description: string;
}

interface ToolDefinition {
  name: string;
  description: string;
  parameters?: Record<string, Parameter>;
  required?: readonly string[];
  run: TurnTool['run'];
}

/** A tool of the server by its name. Its result is JSON text for the model. */
export function tool({ name, description, parameters = {}, required = [], run }: ToolDefinition): [string, TurnTool] {
  const schema = { type: 'object', properties: parameters, required: [...required] };
  return [
    name,
    {
      spec: { name, description, parameters: schema },
      run: async (args, call) => toJson(await run(args, call)),
    },
  ];
}

/** A whole number a model gave, also as text. */
export function whole(value: unknown, otherwise: number): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? Math.trunc(number) : otherwise;
}

const MOST_FOUND = 50;

/** How many results a model wants, within reason. */
export function countOf(value: unknown, usual: number): number {
  return Math.min(MOST_FOUND, Math.max(1, whole(value, usual)));
}

/** Parameters of a search for things of one kind, within a time. */
export function searchParameters(things: string, usual: number, since = things): Record<string, Parameter> {
  return {
    query: { type: 'string', description: 'The words to look for' },
    count: { type: 'integer', description: `How many ${things} at most`, default: usual },
    start_timestamp: { type: 'integer', description: `Only ${since} since then (seconds since 1970)` },
    end_timestamp: { type: 'integer', description: `Only ${since} until then (seconds since 1970)` },
  };
}

/** Seconds a model gave as nanoseconds; null: no bound. */
export function nanoseconds(value: unknown): bigint | null {
  const given = whole(value, -1);
  return given < 0 ? null : BigInt(given) * 1_000_000_000n;
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function objects(value: unknown): JsonObject[] {
  const list = Array.isArray(value) ? value : [];
  return list.filter((one): one is JsonObject => typeof one === 'object' && one !== null && !Array.isArray(one));
}
