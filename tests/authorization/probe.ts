import { Pool } from 'undici';
import type { Access } from '../../src/kernel/http/access.ts';
import type { Route } from '../../src/kernel/http/route.ts';
import type { EmbeddedServer } from '../support/embedded-server.ts';
import { type Actor, type Cast, deadCredentials } from './actors.ts';
import { CARRIERS, credentialsInQuery, NOT_CARRIERS } from './carriers.ts';
import { expected, type Outcome, objectOf } from './expected.ts';
import { MARK, OBJECTS } from './fixtures.ts';

/** One method of one route, with a path on which its policy finds the fixture. */
export interface Target {
  name: string;
  method: string;
  path: string;
  access: Access;
}

/** What is asked of one target. */
export interface Question {
  who: string;
  headers: Record<string, string>;
  query?: string;
  outcome: Outcome;
}

const REACHED = 'x-reached-as';

/**
 * Puts a probe in place of every handler: it says as whom it was called, and does nothing. Everything before it is the
 * server's own. Inputs are not looked at meanwhile, for a policy decides without them. Gives the way back.
 */
export function replaceHandlers(routes: readonly Route[]): () => void {
  const kept = routes.map((route) => ({ ...route }));
  for (const route of routes) {
    route.body = undefined;
    route.query = undefined;
    route.handler = ({ user, reply }: { user: { id: string } | null | undefined; reply: Reply }) =>
      reply
        .code(200)
        .header(REACHED, user?.id ?? 'nobody')
        .send();
  }
  return () => {
    for (const [at, route] of routes.entries()) Object.assign(route, kept[at]);
  };
}

interface Reply {
  code(status: number): Reply;
  header(name: string, value: string): Reply;
  send(): Reply;
}

export function targetsOf(routes: readonly Route[]): Target[] {
  return routes.flatMap((route) =>
    route.methods.map((method) => ({
      name: `${method} ${route.url}`,
      method,
      path: pathOf(route.url, objectOf(route.access)),
      access: route.access,
    })),
  );
}

/** The first parameter is the object's id; what follows is never looked for. */
function pathOf(url: string, object: string | null): string {
  let id = (object !== null && OBJECTS[object]) || 'none';
  return url
    .replaceAll(/:\w+/g, () => {
      const own = id;
      id = 'none';
      return encodeURIComponent(own);
    })
    .replace('*', 'none');
}

/** Those between nobody's rights and all rights: by one way of each credential, for a way treats all people alike. */
const BY_FEW_WAYS = ['reader', 'group reader', 'nested-group member', 'writer'];
const FEW_WAYS = ['Bearer', 'x-api-key'];

/** Everybody by every way, for one target. */
export function questionsOf({ access }: Target, { actors }: Cast): Question[] {
  const admin = adminOf(actors);
  const few = CARRIERS.filter(({ name }) => FEW_WAYS.includes(name));
  const known = actors.flatMap((actor) =>
    (BY_FEW_WAYS.includes(actor.name) ? few : CARRIERS).map(({ name, credential, headers }): Question => {
      const outcome = expected(access, actor, credential);
      return { who: `${actor.name} by ${name}`, headers: headers(actor, admin), outcome };
    }),
  );
  const anonymous = NOT_CARRIERS.map(
    ({ name, headers, query }): Question => ({
      who: `anonymous with ${name}`,
      headers: headers?.(admin) ?? {},
      ...(query && { query: credentialsInQuery(admin) }),
      outcome: expected(access, null, 'session'),
    }),
  );
  return [...known, ...anonymous];
}

/** The administrator's key by every way, while keys may be used below `allowed` only. */
export function restrictedQuestions(target: Target, { actors }: Cast, allowed: readonly string[]): Question[] {
  const { path } = target;
  const inside = allowed.some((one) => path === one || path.startsWith(`${one}/`));
  return keyQuestions('restricted key', target, adminOf(actors), inside);
}

/** The administrator's key that is good for reading notes. */
export function scopedQuestions(target: Target, { actors, scopedKey }: Cast): Question[] {
  const inside = target.method === 'GET' && target.path.startsWith('/api/v1/notes/');
  return keyQuestions('key with a scope', target, { ...adminOf(actors), key: scopedKey }, inside);
}

function keyQuestions(who: string, { access }: Target, admin: Actor, inside: boolean): Question[] {
  const usual = expected(access, admin, inside ? 'key' : 'session');
  const isAsked = access.kind !== 'anyone' && access.kind !== 'token';
  const outside: Outcome = access.kind === 'optional' ? { as: null } : { refused: [403] };
  const outcome = inside || !isAsked ? usual : outside;
  return CARRIERS.filter(({ credential }) => credential === 'key').map(({ name, headers }) => ({
    who: `${who} by ${name}`,
    headers: headers(admin, admin),
    outcome,
  }));
}

function adminOf(actors: readonly Actor[]): Actor {
  const admin = actors.find(({ role }) => role === 'admin');
  if (!admin) throw new Error('the cast has no administrator');
  return admin;
}

/** Credentials nobody may come in with, alone and before a good one. */
export async function deadQuestions(server: EmbeddedServer, cast: Cast): Promise<(target: Target) => Question[]> {
  const dead = await deadCredentials(server, cast);
  const admin = adminOf(cast.actors);
  return ({ access }) =>
    [...dead].flatMap(([what, credential]): Question[] => {
      const outcome = expected(access, null, 'session');
      return [
        { who: `anonymous with ${what}`, headers: { authorization: `Bearer ${credential}` }, outcome },
        {
          who: `anonymous with ${what}, and an administrator's cookie and key`,
          headers: {
            authorization: `Bearer ${credential}`,
            cookie: `token=${admin.session}`,
            'x-api-key': admin.key,
          },
          outcome,
        },
      ];
    });
}

const CONNECTIONS = 24;

/** Asks all questions of all targets; gives a line for each answer that is not as it has to be, and how many were asked. */
export async function ask(
  base: string,
  targets: readonly Target[],
  questions: (target: Target) => readonly Question[],
): Promise<{ wrong: string[]; asked: number }> {
  const pool = new Pool(base, { connections: CONNECTIONS, pipelining: 1 });
  const wrong: string[] = [];
  let asked = 0;
  const open = targets.values();
  const worker = async (): Promise<void> => {
    for (const target of open) {
      for (const question of questions(target)) {
        asked += 1;
        const problem = await askOne(pool, target, question);
        if (problem) wrong.push(`${target.name} as ${question.who}: ${problem}`);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  } finally {
    await pool.close();
  }
  return { wrong, asked };
}

async function askOne(pool: Pool, target: Target, question: Question): Promise<string | null> {
  const path = question.query ? `${target.path}?${question.query}` : target.path;
  const answer = await pool.request({ method: target.method, path, headers: question.headers });
  const body = await answer.body.text();
  const as = answer.headers[REACHED];
  const { outcome } = question;
  if (body.includes(MARK)) return `the answer (${answer.statusCode}) shows the object`;
  if ('refused' in outcome) {
    if (as !== undefined) return `let in as ${as}`;
    return outcome.refused.includes(answer.statusCode) ? null : `refused with ${answer.statusCode}: ${body}`;
  }
  if (as === undefined) return `refused with ${answer.statusCode}: ${body}`;
  return as === (outcome.as ?? 'nobody') ? null : `let in as ${as}, not as ${outcome.as ?? 'nobody'}`;
}
