import type { Egress, Incoming } from '../../../kernel/egress/index.ts';
import type { JsonObject } from '../../../kernel/json.ts';
import type { Operation, ParameterPlace } from './operations.ts';

export interface OpenApiCall {
  egress: Pick<Egress, 'request'>;
  /** The server's address, without trailing slash. */
  url: string;
  operation: Operation;
  args: JsonObject;
  headers: Record<string, string>;
  /** Seconds; null: no limit. */
  timeout: number | null;
  signal: AbortSignal;
}

const MOST_BYTES = 8 * 1024 * 1024;
const MOST_ERROR = 10_000;
const WITH_BODY = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
/** A model must not choose these. */
const RESERVED = /^(?:authorization|cookie|host|content-.*|transfer-encoding|connection|proxy-.*|x-openwebui-.*)$/i;

/** Asks a server for one operation; gives its value and the headers of the answer. Throws with a text for the model. */
export async function callOperation(call: OpenApiCall): Promise<{ value: unknown; headers: Record<string, string> }> {
  const { egress, operation, args, timeout, signal } = call;
  const body = WITH_BODY.has(operation.method) ? JSON.stringify(bodyOf(operation, args)) : undefined;
  const answer = await egress.request(call.url + addressOf(operation, args), {
    method: operation.method,
    reach: 'tool-server',
    headers: { 'Content-Type': 'application/json', ...headersOf(operation, args, call.headers) },
    timeoutMs: timeout === null ? null : timeout * 1_000,
    signal,
    ...(body !== undefined && { body }),
  });
  if (answer.status >= 400) {
    const text = (await answer.text(MOST_BYTES)).slice(0, MOST_ERROR);
    return { value: { error: `HTTP error ${answer.status}: ${text}` }, headers: {} };
  }
  return { value: await valueOfAnswer(answer), headers: answer.headers };
}

async function valueOfAnswer(answer: Incoming): Promise<unknown> {
  const type = (answer.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const bytes = await answer.bytes(MOST_BYTES);
  const text = bytes.toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    if (type === '' || /^text\/|[/+](?:json|xml|yaml)$/.test(type)) return text;
    return `data:${type};base64,${bytes.toString('base64')}`;
  }
}

function given({ parameters }: Operation, place: ParameterPlace, args: JsonObject) {
  return parameters.flatMap(({ name, in: where, required }) => {
    if (where !== place || !Object.hasOwn(args, name)) return [];
    const value = args[name];
    if (value === null || value === undefined || (value === '' && !required)) return [];
    return [{ name, value }];
  });
}

/** Path and query. */
function addressOf(operation: Operation, args: JsonObject): string {
  let { path } = operation;
  for (const { name, value } of given(operation, 'path', args)) {
    path = path.replaceAll(`{${name}}`, encodeSegment(textOf(value)));
  }
  const missing = operation.parameters.find((one) => one.in === 'path' && path.includes(`{${one.name}}`));
  if (missing) throw new Error(`The argument "${missing.name}" is missing.`);
  const query = new URLSearchParams();
  for (const { name, value } of given(operation, 'query', args)) {
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, textOf(one));
  }
  const text = query.toString();
  if (text === '') return path;
  return `${path}${path.includes('?') ? '&' : '?'}${text}`;
}

/** One segment of a path: dots alone would be taken for steps. */
function encodeSegment(text: string): string {
  const encoded = encodeURIComponent(text.toWellFormed());
  return /^\.{1,2}$/.test(encoded) ? encoded.replaceAll('.', '%2E') : encoded;
}

/** Parameters of the document that go as headers; those of the connection win. */
function headersOf(operation: Operation, args: JsonObject, own: Record<string, string>): Record<string, string> {
  const headers: Record<string, string> = {};
  const taken = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  for (const { name, value } of given(operation, 'header', args)) {
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || RESERVED.test(name) || taken.has(name.toLowerCase())) continue;
    headers[name] = encodeHeader(textOf(value));
  }
  const cookies = given(operation, 'cookie', args).map(
    ({ name, value }) => `${encodeURIComponent(name)}=${encodeURIComponent(textOf(value).toWellFormed())}`,
  );
  const all = { ...headers, ...own };
  if (cookies.length > 0) all.Cookie = [own.Cookie, ...cookies].filter(Boolean).join('; ');
  return all;
}

function encodeHeader(text: string): string {
  return text.replace(/[^\t\x20-\x7e]+/g, (odd) => encodeURIComponent(odd.toWellFormed()));
}

/** With known members: those, and what is declared nowhere; else everything. */
function bodyOf({ body, parameters }: Operation, args: JsonObject): JsonObject {
  const members = body?.members;
  if (!body) return {};
  if (!members) return args;
  const declared = new Set(parameters.map(({ name }) => name));
  return Object.fromEntries(Object.entries(args).filter(([name]) => members.has(name) || !declared.has(name)));
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
