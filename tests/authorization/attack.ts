import type { Db } from '../../src/kernel/database/index.ts';
import type { Route } from '../../src/kernel/http/route.ts';
import type { Actor, Cast } from './actors.ts';
import { objectOf } from './expected.ts';
import { MARK, OBJECTS, OTHERS } from './fixtures.ts';

/** A request that names other people's objects wherever a route takes a name. */
export interface Attack {
  name: string;
  method: string;
  path: string;
  body: FormData | string | null;
  /** Kind of the object its policy is about, if it is about one. */
  object: string | null;
}

/** Begins the mark without being it: what is found by it must not come back. */
const SEARCH = MARK.slice(0, 7);
const OBJECT = (kind: string): string => OBJECTS[kind] ?? '';

/** What parameters and members of inputs are called, and whose they are. */
function victimsOf({ actors, readers }: Cast): Record<string, string> {
  const owner = actors.find(({ name }) => name === 'owner')?.id ?? '';
  return {
    automation_id: OBJECT('automation'),
    base_model_id: OTHERS.model,
    calendar_id: OBJECT('calendar'),
    channel_id: OBJECT('channel'),
    chat_id: OBJECT('chat'),
    collection_name: OBJECT('knowledge'),
    dir_id: OTHERS.directory,
    event_id: OBJECT('calendar event'),
    file_id: OBJECT('file'),
    folder_id: OBJECT('folder'),
    group_id: readers,
    from_id: OTHERS.version,
    history_id: OTHERS.version,
    knowledge_id: OBJECT('knowledge'),
    memory_id: OTHERS.memory,
    message_id: OTHERS.message,
    model: OTHERS.model,
    model_id: OTHERS.model,
    note_id: OBJECT('note'),
    parent_id: OBJECT('folder'),
    share_id: OTHERS.share,
    skill_id: OBJECT('skill'),
    to_id: OTHERS.version,
    tool_id: OBJECT('tool'),
    user_id: owner,
    version_id: OTHERS.version,
  };
}

/** What `id` is in a route that is no policy's object, by the path before it. */
const IDS: readonly [path: RegExp, kind: string][] = [
  [/\/chats?\//, 'chat_id'],
  [/\/calendars\/events\//, 'event_id'],
  [/\/calendars\//, 'calendar_id'],
  [/\/groups\//, 'group_id'],
  [/\/memories\//, 'memory_id'],
  [/\/models\//, 'model_id'],
  [/\/tools\//, 'tool_id'],
  [/\/users\//, 'user_id'],
];

interface Context {
  url: string;
  attacker: Actor;
  victims: Record<string, string>;
}

/** One request for each method of each route that more people than administrators may call. */
export function attacksOf(routes: readonly Route[], cast: Cast, attacker: Actor): Attack[] {
  const victims = victimsOf(cast);
  const attacks = routes.flatMap((route) => {
    if (route.access.kind === 'admin' || route.access.kind === 'token') return [];
    const context = { url: route.url, attacker, victims };
    const path = pathOf(route, context) + queryOf(route, context);
    return route.methods.map((method) => ({
      name: `${method} ${route.url}`,
      method,
      path,
      body: route.multipart ? upload() : route.body ? JSON.stringify(valueFor(route.body, '', context)) : null,
      object: objectOf(route.access),
    }));
  });
  return attacks.sort((a, b) => harmOf(a) - harmOf(b));
}

/** What ends an object comes after all that works with it. */
function harmOf({ method, path }: Attack): number {
  if (method === 'GET' || method === 'HEAD') return 0;
  return method === 'DELETE' || /\/(?:delete|reset|remove|cleanup|import|all)\b/.test(path) ? 2 : 1;
}

function upload(): FormData {
  const form = new FormData();
  form.set('file', new Blob(['attacked'], { type: 'text/plain' }), 'attacked.txt');
  return form;
}

function pathOf({ url, access }: Route, context: Context): string {
  const object = objectOf(access);
  return url
    .replace(':id', object !== null && OBJECTS[object] ? OBJECTS[object] : idOf(context))
    .replaceAll(/:(\w+)/g, (_whole, name: string) => encodeURIComponent(context.victims[name] ?? 'none'))
    .replace('*', OBJECT('chat'));
}

function idOf({ url, victims }: Context): string {
  const kind = IDS.find(([path]) => path.test(url))?.[1];
  return (kind && victims[kind]) || 'none';
}

function queryOf({ query }: Route, context: Context): string {
  if (!query) return '';
  const values = valueFor(query, '', context) as Record<string, unknown>;
  const text = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of [value].flat()) if (one !== null) text.append(name, String(one));
  }
  return `?${text}`;
}

interface AnySchema {
  type?: string;
  properties?: Record<string, AnySchema>;
  items?: AnySchema;
  anyOf?: AnySchema[];
  enum?: unknown[];
  minimum?: number;
  minLength?: number;
  pattern?: string;
  dict?: boolean;
}

/** A value of the shape; what a member is called decides what is in it. */
function valueFor(shape: object, name: string, context: Context): unknown {
  const schema = shape as AnySchema;
  if (name === 'access_grants') return grantsTo(context.attacker);
  if (schema.properties) {
    return Object.fromEntries(
      Object.entries(schema.properties).map(([key, value]) => [key, valueFor(value, key, context)]),
    );
  }
  if (schema.anyOf) return valueFor(schema.anyOf.find(({ type }) => type !== 'null') ?? {}, name, context);
  if (schema.enum) return schema.enum[0];
  if (schema.type === 'array') return schema.items ? [valueFor(schema.items, singular(name), context)] : [];
  if (schema.type === 'integer' || schema.type === 'number') return Math.max(schema.minimum ?? 0, numberOf(name));
  if (schema.type === 'boolean') return false;
  if (schema.type === 'string') return fitting(textOf(name, context), schema);
  return name === '' || !schema.dict ? anything(context) : {};
}

/** The text, or one that passes for what the shape wants. */
function fitting(value: string, { minLength = 0, pattern }: AnySchema): string {
  const digits = '0'.repeat(6);
  if (pattern !== undefined && !new RegExp(pattern).test(value) && new RegExp(pattern).test(digits)) return digits;
  return value.padEnd(minLength, 'x');
}

function singular(name: string): string {
  return name.replace(/s$/, '');
}

function numberOf(name: string): number {
  return name === 'skip' || name === 'offset' ? 0 : 1;
}

function textOf(name: string, context: Context): string {
  if (name === 'id') return idOf(context);
  if (name === 'q' || name === 'query' || name === 'text' || name === 'filename') return SEARCH;
  if (name === 'start' || name === 'end') return '2023-11-14T22:13:20';
  if (name === 'role') return 'admin';
  if (name === 'profile_image_url') return '/user.png';
  if (name === 'date_of_birth') return '2000-01-01';
  return context.victims[name] ?? context.victims[`${name}_id`] ?? 'attacked';
}

function grantsTo({ id }: Actor): unknown[] {
  return ['read', 'write'].map((permission) => ({ principal_type: 'user', principal_id: id, permission }));
}

/** For bodies of no fixed shape, those of completions most of all. */
function anything({ victims }: Context): Record<string, unknown> {
  const { chat_id, message_id, model, folder_id, tool_id } = victims;
  const messages = [{ role: 'user', content: 'attacked' }];
  const files = [
    { type: 'file', id: OBJECT('file') },
    { type: 'collection', id: OBJECT('knowledge') },
    { type: 'note', id: OBJECT('note') },
    { type: 'chat', id: chat_id },
  ];
  const task = { prompt: 'attacked', input: 'attacked', type: 'web_search' };
  const ids = { id: message_id, chat_id, message_id, folder_id, tool_ids: [tool_id], parent_id: message_id };
  return { model, messages, files, stream: false, max_tokens: 1, ...task, ...ids, responses: ['attacked'] };
}

const OWNED = [
  'api_key',
  'automation',
  'calendar',
  'calendar_event',
  'channel',
  'chat',
  'chat_message',
  'feedback',
  'file',
  'folder',
  'function',
  'knowledge',
  'knowledge_file',
  'memory',
  'message',
  'model',
  'note',
  'prompt',
  'shared_chat',
  'skill',
  'tool',
];

/** Everything that is the owner's or the operator's, as text: by table. */
export async function stateOf(db: Db, cast: Cast, attacker: Actor): Promise<Map<string, string>> {
  const owner = cast.actors.find(({ name }) => name === 'owner')?.id ?? '';
  const state = new Map<string, string>();
  const note = (name: string, rows: unknown[]) => state.set(name, text(rows));
  for (const table of OWNED) {
    const rows = db.selectFrom(table as 'note').selectAll();
    note(table, await rows.where('user_id', '=', owner).execute());
  }
  note('config', await db.selectFrom('config').selectAll().orderBy('key').execute());
  note('group', await db.selectFrom('group').selectAll().execute());
  note('group_member', await db.selectFrom('group_member').select(['group_id', 'user_id']).execute());
  const ids = [...Object.values(OBJECTS), ...Object.values(OTHERS)];
  note('access_grant', await db.selectFrom('access_grant').selectAll().where('resource_id', 'in', ids).execute());
  const others = db.selectFrom('user').select(['id', 'email', 'name', 'role', 'settings', 'info', 'variables']);
  note('user', await others.where('id', '!=', attacker.id).execute());
  note('auth', await db.selectFrom('auth').selectAll().where('id', '!=', attacker.id).execute());
  return state;
}

function text(rows: unknown[]): string {
  return JSON.stringify(rows, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

/** Names of the tables that are not as they were. */
export function changedTables(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  return [...before].filter(([table, rows]) => after.get(table) !== rows).map(([table]) => table);
}
