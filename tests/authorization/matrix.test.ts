import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type EmbeddedServer, startEmbedded } from '../support/embedded-server.ts';
import { type Cast, createCast } from './actors.ts';
import { ENV } from './environment.ts';
import { expected, unknownPolicy } from './expected.ts';
import { createFixtures, OBJECTS } from './fixtures.ts';
import {
  ask,
  deadQuestions,
  type Question,
  questionsOf,
  replaceHandlers,
  restrictedQuestions,
  scopedQuestions,
  type Target,
  targetsOf,
} from './probe.ts';
import { type Entered, enter, mayEnter } from './sockets.ts';

function assertNone(wrong: string[]): void {
  assert.equal(wrong.length, 0, `${wrong.length} wrong answers, first:\n${wrong.slice(0, 25).join('\n')}`);
}

describe('the authorization matrix', () => {
  let server: EmbeddedServer;
  let cast: Cast;
  let targets: Target[];
  let dead: (target: Target) => Question[];
  let restore = () => {};
  before(async () => {
    server = await startEmbedded(ENV);
    cast = await createCast(server);
    await createFixtures(server.database.db, cast);
    dead = await deadQuestions(server, cast);
    targets = targetsOf(server.routes);
    restore = replaceHandlers(server.routes);
  });
  after(async () => {
    restore();
    await server.stop();
  });

  it('knows every policy and has an object of every kind', () => {
    const unknown = server.routes.flatMap(({ methods, url, access }) => {
      const problem = unknownPolicy(access, OBJECTS);
      return problem ? [`${methods.join('|')} ${url}: ${problem}`] : [];
    });
    assert.deepEqual(unknown, []);
    assert.ok(targets.length > 500, `only ${targets.length} routes`);
  });

  it('lets in whom each policy says, by every carrier, and nobody else', async (t) => {
    const { wrong, asked } = await ask(server.base, targets, (target) => questionsOf(target, cast));
    t.diagnostic(`${asked} requests to ${targets.length} routes`);
    assertNone(wrong);
  });

  it('takes no credential that has ended, is broken or was never given', async () => {
    assertNone((await ask(server.base, targets, dead)).wrong);
  });

  it('lets the same people into rooms by a live connection, and no key', async () => {
    const actual: Record<string, Entered> = {};
    const wanted: Record<string, Entered> = {};
    for (const actor of cast.actors) {
      for (const credential of ['session', 'key'] as const) {
        const name = `${actor.name} by ${credential}`;
        actual[name] = await enter(server, actor[credential]);
        wanted[name] = mayEnter(actor, credential);
      }
    }
    assert.deepEqual(actual, wanted);
  });

  it('keeps a key to its scopes, by every carrier', async () => {
    assertNone((await ask(server.base, targets, (target) => scopedQuestions(target, cast))).wrong);
  });

  it('keeps a restricted key to its endpoints, by every carrier', async () => {
    restore();
    const allowed = ['/api/v1/notes', '/api/models'];
    await restrictKeys(cast, allowed);
    restore = replaceHandlers(server.routes);
    const { wrong } = await ask(server.base, targets, (target) => restrictedQuestions(target, cast, allowed));
    restore();
    await restrictKeys(cast, null);
    restore = replaceHandlers(server.routes);
    assertNone(wrong);
  });

  it('notices a policy that lets everybody in', async () => {
    const named = (name: string): Target => {
      const found = targets.find((target) => target.name === name);
      assert.ok(found, name);
      return found;
    };
    const asked = ['GET /api/v1/notes/:id', 'POST /api/v1/models/create'].map(named);
    const kept = asked.map(({ access }) => ({ access, check: access.check }));
    for (const { access } of kept) access.check = async () => undefined;
    const { wrong } = await ask(server.base, asked, (target) => questionsOf(target, cast));
    for (const { access, check } of kept) Object.assign(access, { check });
    for (const { name } of asked)
      assert.ok(
        wrong.some((line) => line.startsWith(name)),
        name,
      );
    assert.ok(wrong.some((line) => line.includes('as stranger by Bearer: let in')));
  });

  it('finds no object that is not there, for anybody', async () => {
    const onObjects = targets.filter(({ access }) => access.kind === 'on');
    const absent = onObjects.map((target) => ({ ...target, path: withoutObject(target.path) }));
    const everybody = ({ access }: Target): Question[] =>
      cast.actors.map((actor) => {
        const outcome = expected(access, actor, 'session');
        return {
          who: `${actor.name}, without the object`,
          headers: { authorization: `Bearer ${actor.session}` },
          outcome: 'refused' in outcome ? outcome : { refused: [400, 401, 403, 404] },
        };
      });
    assertNone((await ask(server.base, absent, everybody)).wrong);
  });
});

function withoutObject(path: string): string {
  return Object.values(OBJECTS).reduce((text, id) => text.replace(id, '00000000-0000-4000-8000-00000000dead'), path);
}

/** `null`: keys may be used everywhere. */
async function restrictKeys({ admin }: Cast, allowed: string[] | null): Promise<void> {
  const path = '/api/v1/auths/admin/config';
  const json = {
    ...(await admin.ok('GET', path)),
    ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS: allowed !== null,
    API_KEYS_ALLOWED_ENDPOINTS: (allowed ?? []).join(', '),
  };
  await admin.ok('POST', path, { json });
}
