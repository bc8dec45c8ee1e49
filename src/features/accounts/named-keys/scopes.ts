import { HttpError } from '../../../kernel/http/errors.ts';
import type { Route } from '../../../kernel/http/route.ts';

/** What a key needs to call a route. */
export interface Need {
  /** Part of the API; null: no key with a name may ever call this. */
  area: string | null;
  /** `read` for GET and HEAD, `write` for everything else. */
  right: 'read' | 'write';
  /** Only administrators have this route. */
  admin: boolean;
}

/** Calls of models and the lists a program needs for them: one scope, whatever the method. */
const COMPLETIONS = 'completions';
/** Lets the key of an administrator do what only administrators may. */
const ADMIN = 'admin';

/** Address of a part that is not named by the segment after /api/v1: the first prefix that fits. */
const PLACES: readonly (readonly [prefix: string, area: string | null])[] = [
  // Who holds a key must not make another one of it, one that never ends or may do more.
  ['/api/v1/auths/', null],
  ['/oauth/', null],
  ['/openai/', COMPLETIONS],
  ['/ollama', COMPLETIONS],
  ['/api/chat/', COMPLETIONS],
  ['/api/v1/chat/', COMPLETIONS],
  ['/api/embeddings', COMPLETIONS],
  ['/api/v1/embeddings', COMPLETIONS],
  ['/api/message', COMPLETIONS],
  ['/api/v1/messages', COMPLETIONS],
  ['/api/tasks', COMPLETIONS],
  ['/api/v1/tasks/', COMPLETIONS],
  ['/api/events', 'notifications'],
  ['/api/usage', 'users'],
  ['/api/version', 'utils'],
  ['/api/changelog', 'utils'],
  ['/cache/', 'files'],
];
/** Both the lists that programs ask for models; the administration of models is an area of its own. */
const MODEL_LISTS = ['/api/models', '/api/v1/models'];

/** Areas named by the segment after /api/v1. */
const AREAS = [
  'analytics',
  'audio',
  'automations',
  'calendars',
  'channels',
  'chats',
  'configs',
  'evaluations',
  'files',
  'folders',
  'functions',
  'groups',
  'images',
  'knowledge',
  'memories',
  'models',
  'notes',
  'notifications',
  'pipelines',
  'prompts',
  'providers',
  'retrieval',
  'search',
  'skills',
  'terminals',
  'tools',
  'users',
  'utils',
];

/** Every scope there is. */
export const SCOPES: readonly string[] = [
  COMPLETIONS,
  ...AREAS.flatMap((area) => [`${area}:read`, `${area}:write`]),
  ADMIN,
];
const KNOWN = new Set(SCOPES);

/** What a key needs for a route, by its declared address: what a client makes of the path changes nothing. */
export function needOf({ url, access }: Pick<Route, 'url' | 'access'>, method: string): Need {
  const right = method === 'GET' || method === 'HEAD' ? 'read' : 'write';
  return { area: areaOf(url), right, admin: access.kind === 'admin' };
}

function areaOf(url: string): string | null {
  if (MODEL_LISTS.includes(url)) return COMPLETIONS;
  const place = PLACES.find(([prefix]) => url.startsWith(prefix));
  if (place) return place[1];
  const segment = /^\/api\/v1\/([^/]+)/.exec(url)?.[1];
  if (segment !== undefined) return AREAS.includes(segment) ? segment : null;
  return url.startsWith('/api/models') ? 'models' : null;
}

/** Throws 403 unless a key with these scopes may call a route; null: one without limits of its own. */
export function assertInScope(scopes: ReadonlySet<string> | null, route: Route | undefined, method: string): void {
  const need: Need = route ? needOf(route, method) : { area: null, right: 'write', admin: true };
  if (scopes === null) {
    if (route?.url.startsWith('/api/v1/auths/api_key')) throw refused('A human session is required.');
    return;
  }
  if (need.area === null) throw refused('A key with scopes may not call this.');
  const wanted = need.area === COMPLETIONS ? COMPLETIONS : `${need.area}:${need.right}`;
  const held = scopes.has(wanted) || (need.right === 'read' && scopes.has(`${need.area}:write`));
  if (!held) throw refused(`The key lacks the scope ${wanted}.`);
  if (need.admin && !scopes.has(ADMIN)) throw refused(`The key lacks the scope ${ADMIN}.`);
}

function refused(text: string): HttpError {
  return new HttpError(403, text, { code: 'api-key.scope' });
}

/** Scopes as they are stored: each once, in the order of the list. Throws 400 for one that does not exist. */
export function readScopes(given: readonly string[]): string[] {
  const unknown = given.find((scope) => !KNOWN.has(scope));
  if (unknown !== undefined) throw new HttpError(400, `There is no scope "${unknown.slice(0, 100)}".`);
  if (given.length === 0) throw new HttpError(400, 'A key needs one scope at least; null gives all of them.');
  const wanted = new Set(given);
  return SCOPES.filter((scope) => wanted.has(scope));
}
