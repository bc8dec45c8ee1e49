import { createHmac, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { load } from './load.ts';
import type { ServerUnderTest } from './server-process.ts';

const PEOPLE = 10_000;
const GROUPS = 500;
const LEVELS = 5;
const GROUPS_OF_ONE = 3;

interface Seeded {
  /** Ids of accounts; each is in three groups of the lowest level, so in fifteen. */
  people: string[];
}

/** Ten thousand accounts and five hundred groups in trees of five levels, written into the database of a running server. */
export function seedPeople({ dataFolder }: ServerUnderTest): Seeded {
  const db = new Sqlite(join(dataFolder, 'webui.db'), { timeout: 10_000 });
  const now = Math.floor(Date.now() / 1_000);
  const people = Array.from({ length: PEOPLE }, () => randomUUID());
  const groups = Array.from({ length: GROUPS }, () => randomUUID());
  const insert = (table: string, columns: string[]) =>
    db.prepare(`INSERT INTO "${table}" (${columns.join()}) VALUES (${columns.map(() => '?').join()})`);
  const times = ['created_at', 'updated_at'];
  const user = insert('user', ['id', 'email', 'name', 'role', 'profile_image_url', 'last_active_at', ...times]);
  const auth = insert('auth', ['id', 'email', 'password', 'active']);
  const group = insert('group', ['id', 'parent_group_id', 'user_id', 'name', 'description', 'permissions', ...times]);
  const member = insert('group_member', ['id', 'group_id', 'user_id', ...times]);
  db.transaction(() => {
    for (const [at, id] of groups.entries()) {
      const parent = at % LEVELS === 0 ? null : groups[at - 1];
      const permissions = JSON.stringify({ workspace: { models: at % 7 === 0 }, chat: { export: true } });
      group.run(id, parent, people[0], `Group ${at}`, '', permissions, now, now);
    }
    for (const [at, id] of people.entries()) {
      const email = `person-${at}@bench.example`;
      user.run(id, email, `Person ${at}`, 'user', '/user.png', now - at, now - at, now - at);
      auth.run(id, email, '', 1);
      for (let n = 0; n < GROUPS_OF_ONE; n += 1) {
        const tree = (at * GROUPS_OF_ONE + n) % (GROUPS / LEVELS);
        member.run(randomUUID(), groups[tree * LEVELS + LEVELS - 1], id, now, now);
      }
    }
  })();
  db.close();
  return { people };
}

/** A session as accounts of earlier releases have it: without a stamp. */
export function sessionOf(userId: string, secret: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ id: userId, jti: randomUUID() })}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

/** Milliseconds of the 99th of a hundred answers when one is asked for at a time, of something that is warm. */
export async function alone(server: ServerUnderTest, token: string, path: string, seconds: number): Promise<number> {
  const { port, cpu } = server;
  const result = await load({ port, path, token, seconds, cpu, connections: 1 });
  if (result.failed > 0) throw new Error(`${path}: ${result.failed} answers were not 200`);
  return result.p99;
}
