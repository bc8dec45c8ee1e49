import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { databaseOptions } from '../src/commands/open-database.ts';
import { type Access, createAccess } from '../src/features/access/index.ts';
import { type Database, json, migrate, openDatabase } from '../src/kernel/database/index.ts';
import { createLocalBus } from '../src/kernel/realtime/index.ts';
import { createConfig, loadSettings } from '../src/kernel/settings/index.ts';
import { createLog } from '../src/kernel/telemetry/log.ts';

const LEVELS = 5;
const TREES = 100;
const USERS = 200;
const times = { created_at: 1, updated_at: 1 };

describe('permissions and grants', () => {
  let folder: string;
  let database: Database;
  let access: Access;
  let queries = 0;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'loggia-test-'));
    const settings = loadSettings({ WEBUI_SECRET_KEY: 'x', DATA_DIR: folder });
    database = openDatabase(databaseOptions(settings));
    await migrate(database);
    const log = createLog({ level: 'CRITICAL', format: '' });
    const bus = createLocalBus(log);
    const config = await createConfig({ settings, database, bus, log });
    await seed();
    const counted = new Proxy(database.db, {
      get(db, name) {
        if (name === 'selectFrom') queries += 1;
        const value: unknown = Reflect.get(db, name, db);
        return typeof value === 'function' ? value.bind(db) : value;
      },
    });
    access = createAccess({ database: { ...database, db: counted }, settings, config, bus, log });
  });
  after(async () => {
    access.close();
    await database.close();
    await rm(folder, { recursive: true, force: true });
  });

  const groupId = (tree: number, level: number) => `g-${tree}-${level}`;
  const userId = (at: number) => `u-${at}`;
  /** Five hundred groups; the roots allow prompts. Everybody is in the lowest group of three trees. */
  async function seed(): Promise<void> {
    const groups = Array.from({ length: TREES * LEVELS }, (_, at) => {
      const [tree, level] = [Math.floor(at / LEVELS), at % LEVELS];
      const permissions = level === 0 ? { workspace: { prompts: true } } : null;
      const parent = level === 0 ? null : groupId(tree, level - 1);
      const texts = { user_id: 'admin', name: 'g', description: '' };
      return { id: groupId(tree, level), parent_group_id: parent, permissions: json(permissions), ...texts, ...times };
    });
    const users = Array.from({ length: USERS }, (_, at) => ({
      id: userId(at),
      email: `${at}@example.com`,
      name: 'u',
      role: 'user',
      last_active_at: 1,
      ...times,
    }));
    const members = users.flatMap(({ id }, at) =>
      [0, 1, 2].map((n) => ({
        id: `m-${at}-${n}`,
        group_id: groupId((at * 3 + n) % TREES, LEVELS - 1),
        user_id: id,
        ...times,
      })),
    );
    await database.transaction(async (tx) => {
      for (let at = 0; at < groups.length; at += 50) {
        await tx
          .insertInto('group')
          .values(groups.slice(at, at + 50))
          .execute();
      }
      await tx.insertInto('user').values(users).execute();
      await tx.insertInto('group_member').values(members).execute();
    });
  }
  const grant = (principal: string) => [{ principal_type: 'group', principal_id: principal, permission: 'read' }];
  const share = (note: string, list: object[]) =>
    database.transaction(async (tx) => void (await access.grants.set(tx, 'note', note, list)));
  const reads = (at: number, note: string) => access.grants.allows({ id: userId(at) }, 'note', note, 'read');
  const mayPrompt = (at: number) => access.permissions({ id: userId(at) }, 'workspace.prompts');

  it('cost no query once they are known', async () => {
    for (let at = 0; at < 20; at += 1) await share(`n-${at}`, grant(groupId(at, 0)));
    const look = async (): Promise<number[]> => {
      let [allowed, readable] = [0, 0];
      for (let at = 0; at < USERS; at += 1) {
        if (await mayPrompt(at)) allowed += 1;
        assert.equal((await access.permissionTree({ id: userId(at) })).workspace !== undefined, true);
        for (let note = 0; note < 20; note += 1) if (await reads(at, `n-${note}`)) readable += 1;
      }
      return [allowed, readable];
    };
    queries = 0;
    const cold = await look();
    assert.ok(queries > USERS);
    queries = 0;
    assert.deepEqual(await look(), cold);
    assert.equal(queries, 0);
    assert.deepEqual(cold, [USERS, (USERS * 3 * 20) / TREES]);
  });

  it('are read again when they change, and only then', async () => {
    assert.equal(await reads(0, 'n-0'), true);
    await share('n-0', []);
    assert.equal(await reads(0, 'n-0'), false);
    await share('n-0', grant(groupId(0, 2)));
    assert.equal(await reads(0, 'n-0'), true);
    await access.groups.removeMembers(groupId(0, LEVELS - 1), [userId(0)]);
    assert.equal(await reads(0, 'n-0'), false);
    for (const tree of [0, 1, 2]) {
      const form = { name: 'g', description: '', permissions: {} };
      await access.groups.update(groupId(tree, 0), form);
    }
    assert.deepEqual([await mayPrompt(0), await mayPrompt(1)], [false, true]);
    await database.transaction((tx) => access.grants.remove(tx, 'note', ['n-3']));
    assert.equal(await reads(1, 'n-3'), false);
  });

  it('stay as they were when the change is taken back', async () => {
    await assert.rejects(
      database.transaction(async (tx) => {
        await access.grants.set(tx, 'note', 'n-4', []);
        throw new Error('no');
      }),
    );
    assert.equal(await reads(1, 'n-4'), true);
  });
});
