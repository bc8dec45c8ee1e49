import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createRateLimiter } from '../../src/features/accounts/index.ts';
import { type DatabaseKind, missingDatabase } from '../support/databases.ts';
import { openFresh } from './dialects.ts';

const KINDS: DatabaseKind[] = ['sqlite', 'postgresql', 'mysql'];
const missing = new Map(await Promise.all(KINDS.map(async (kind) => [kind, await missingDatabase(kind)] as const)));
const LIMIT = 5;

for (const kind of KINDS) {
  describe(`a limit of attempts on ${kind}`, { skip: missing.get(kind) ?? false }, () => {
    let database: Awaited<ReturnType<typeof openFresh>>;
    before(async () => {
      database = await openFresh(kind);
    });
    after(() => database.drop());

    /** As a process of its own has it. */
    const limiter = () =>
      createRateLimiter({
        limit: LIMIT,
        window: 180,
        redis: null,
        database,
        keyPrefix: 'test',
        onRedisError: (error) => assert.fail(String(error)),
      });

    it('counts what all processes saw together, by name', async () => {
      const processes = [limiter(), limiter()];
      const ask = (at: number, key: string) => processes[at % 2]?.isLimited(key);
      const answers = [];
      for (let at = 0; at < 2 * LIMIT; at += 1)
        answers.push(await ask(at, at < LIMIT ? 'Ada@Example.com' : 'ada@example.com'));
      // One process is alone on SQLite: two share it by way of Redis.
      const allowed = kind === 'sqlite' ? 2 * LIMIT : LIMIT;
      assert.deepEqual(
        answers,
        answers.map((_, at) => at >= allowed),
      );
      assert.equal(await ask(0, 'bob@example.com'), false);
    });

    if (kind === 'sqlite') return;

    it('misses none of those that come at once', async () => {
      const processes = Array.from({ length: 4 }, limiter);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, at) => processes[at % 4]?.isLimited('eve@example.com')),
      );
      // Each counts before it looks, so no more than the limit are let through.
      assert.ok(answers.filter((limited) => !limited).length <= LIMIT, JSON.stringify(answers));
      assert.equal(await limiter().isLimited('eve@example.com'), true);
    });
  });
}
