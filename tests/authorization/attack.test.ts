import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type EmbeddedServer, startEmbedded } from '../support/embedded-server.ts';
import { type Provider, startProvider } from '../support/provider.ts';
import { type Actor, type Cast, createCast } from './actors.ts';
import { type Attack, attacksOf, changedTables, stateOf } from './attack.ts';
import { ENV } from './environment.ts';
import { createFixtures, MARK, OBJECTS } from './fixtures.ts';

/** Would end the attacker's own session, and with it the attack. */
const SPARED = ['POST /api/v1/auths/signout'];
/** Refusals that look like faults: routes that are off here for everybody, and tasks whose refusals clients know as 500. */
const REFUSALS = [/^\w+ \/ollama\/.* 503$/, /\/memories\/query 503$/, /\/tasks\/(?:tags|auto)\/completions 500$/];

describe('other people', () => {
  let server: EmbeddedServer;
  let provider: Provider;
  let cast: Cast;
  before(async () => {
    provider = await startProvider();
    server = await startEmbedded({ ...ENV, OPENAI_API_BASE_URL: provider.url, OPENAI_API_KEY: 'sk-test' });
    cast = await createCast(server);
    await createFixtures(server.database.db, cast);
  });
  after(async () => {
    await server.stop();
    await provider.stop();
  });

  const actor = (wanted: string): Actor => {
    const found = cast.actors.find(({ name }) => name === wanted);
    assert.ok(found, wanted);
    return found;
  };
  const attacks = (attacker: Actor) =>
    attacksOf(server.routes, cast, attacker).filter(({ name }) => !SPARED.includes(name));
  async function send({ method, path, body }: Attack, session: string): Promise<{ status: number; text: string }> {
    const type = typeof body === 'string' ? { 'content-type': 'application/json' } : {};
    const headers = { authorization: `Bearer ${session}`, ...type };
    const answer = await fetch(server.base + path, { method, redirect: 'manual', headers, body });
    return { status: answer.status, text: await answer.text() };
  }

  for (const name of ['stranger', 'demoted admin', 'pending']) {
    it(`see and change nothing that is not theirs, by any route (${name})`, async () => {
      const attacker = actor(name);
      const { db } = server.database;
      let before = await stateOf(db, cast, attacker);
      const wrong: string[] = [];
      for (const attack of attacks(attacker)) {
        const { status, text } = await send(attack, attacker.session);
        if (text.includes(MARK)) wrong.push(`${attack.name} shows it (${status}): ${text.slice(0, 300)}`);
        const spoilt = status >= 500 || status === 422;
        if (spoilt && !REFUSALS.some((one) => one.test(`${attack.name} ${status}`))) {
          wrong.push(`${attack.name} is no attack, it was answered ${status}: ${text.slice(0, 300)}`);
        }
        if (attack.method === 'GET' || attack.method === 'HEAD') continue;
        const now = await stateOf(db, cast, attacker);
        const changed = changedTables(before, now);
        if (changed.length > 0) wrong.push(`${attack.name} changed ${changed.join()} (${status})`);
        before = now;
      }
      assert.equal(wrong.length, 0, wrong.join('\n'));
      const asked = provider.requests.filter(({ path }) => !path.endsWith('/models'));
      assert.deepEqual(asked, [], 'a provider was asked for somebody who has no model');
    });
  }

  it('would have been found out: the owner sees and changes it by the same requests', async () => {
    const owner = actor('owner');
    const { db } = server.database;
    const touched: Attack[] = [];
    let before = await stateOf(db, cast, owner);
    for (const attack of attacks(owner)) {
      const { text } = await send(attack, owner.session);
      const now = attack.method === 'GET' ? before : await stateOf(db, cast, owner);
      if (text.includes(MARK) || changedTables(before, now).length > 0) touched.push(attack);
      before = now;
    }
    const kinds = new Set(touched.map(({ object }) => object));
    const missed = Object.keys(OBJECTS).filter((kind) => kind !== 'function' && !kinds.has(kind));
    assert.deepEqual(missed, []);
    assert.ok(touched.length > 100, `only ${touched.length} routes`);
  });
});
