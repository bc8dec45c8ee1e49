import { randomBytes } from 'node:crypto';
import { BUILT_IN } from '../../src/features/access/index.ts';
import { type Account, addAccount, addSession, signIn, signUp } from '../support/client.ts';
import type { EmbeddedServer } from '../support/embedded-server.ts';
import { connectSocket } from '../support/socket.ts';
import { until } from '../support/wait.ts';

/** What somebody holds of every fixture, each level with those before it. */
const LEVELS = ['nothing', 'read', 'write', 'own'] as const;
type Level = (typeof LEVELS)[number];

/** One kind of caller, with what is true of them however the server finds it out. */
export interface Actor {
  name: string;
  id: string;
  role: 'pending' | 'user' | 'admin';
  /** The permission tree allows them everything, by a group; the default tree allows nothing. */
  permitted: boolean;
  holds: Level;
  session: string;
  key: string;
}

export function holds(actor: Actor, level: Level): boolean {
  return LEVELS.indexOf(actor.holds) >= LEVELS.indexOf(level);
}

export interface Cast {
  admin: Account;
  actors: Actor[];
  /** The administrator's, good for reading notes and nothing else. */
  scopedKey: string;
  /** Groups that hold grants: their members are `group reader`, and of the group inside it `nested member`. */
  readers: string;
}

/** The callers of the matrix. Their rights to objects are given by the fixtures. */
export async function createCast(server: EmbeddedServer): Promise<Cast> {
  const admin = await signUp(server);
  const everything = treeOf(true);
  await admin.ok('POST', '/api/v1/users/default/permissions', { json: treeOf(false) });
  const group = async (name: string, members: string[], more: object = {}): Promise<string> => {
    const { id } = await admin.ok<{ id: string }>('POST', '/api/v1/groups/create', {
      json: { name, description: '', ...more },
    });
    await admin.ok('POST', `/api/v1/groups/id/${id}/users/add`, { json: { user_ids: members } });
    return id;
  };
  const account = (label: string, role?: string) => addSession(admin, label, role);
  const [owner, reader, writer, stranger] = [
    await account('owner'),
    await account('reader'),
    await account('writer'),
    await account('stranger'),
  ];
  const [member, nested, bare] = [await account('member'), await account('nested'), await account('bare')];
  const pending = await account('pending', 'pending');
  const permitted = [owner, reader, writer, stranger, member, nested, pending];
  await group(
    'permitted',
    permitted.map(({ id }) => id),
    { permissions: everything },
  );
  const readers = await group('readers', [member.id]);
  await group('inside readers', [nested.id], { parent_group_id: readers });
  const demoted = await demotedAdmin(server, admin);

  const actor = async (name: string, person: Pick<Account, 'id' | 'token'>, facts: Partial<Actor>): Promise<Actor> => ({
    name,
    id: person.id,
    role: 'user',
    permitted: permitted.some(({ id }) => id === person.id),
    holds: 'nothing',
    session: person.token,
    key: await giveKey(server, person.id),
    ...facts,
  });
  const scoped = { name: 'reads notes', scopes: ['notes:read'] };
  const { api_key: scopedKey } = await admin.ok<{ api_key: string }>('POST', '/api/v1/auths/api_keys', {
    json: scoped,
  });
  return {
    admin,
    readers,
    scopedKey,
    actors: [
      await actor('pending', pending, { role: 'pending', holds: 'write' }),
      await actor('stranger', stranger, {}),
      await actor('demoted admin', demoted, {}),
      await actor('reader', reader, { holds: 'read' }),
      await actor('group reader', member, { holds: 'read' }),
      await actor('nested-group member', nested, { holds: 'read' }),
      await actor('writer', writer, { holds: 'write' }),
      await actor('writer without permissions', bare, { holds: 'write' }),
      await actor('owner', owner, { holds: 'own' }),
      await actor('admin', admin, { role: 'admin' }),
    ],
  };
}

/** Somebody who was an administrator when they signed in and opened a page; the page must have lost its socket. */
async function demotedAdmin(server: EmbeddedServer, admin: Account): Promise<Account> {
  const person = await addAccount(admin, 'demoted', 'admin');
  const socket = await connectSocket(server.base, person);
  const { name, email } = person;
  await admin.ok('POST', `/api/v1/users/${person.id}/update`, {
    json: { role: 'user', name, email, profile_image_url: '/user.png' },
  });
  await until(() => !socket.raw.connected, { ms: 1_000, what: "the end of a demoted administrator's socket" });
  return person;
}

/** A key as its table has it, also for people who may not make one. */
async function giveKey({ database }: EmbeddedServer, userId: string): Promise<string> {
  const key = `sk-${randomBytes(16).toString('hex')}`;
  await database.db
    .insertInto('api_key')
    .values({ id: `key_${userId}`, user_id: userId, key, created_at: 1, updated_at: 1 })
    .execute();
  return key;
}

function treeOf(value: boolean): Record<string, Record<string, boolean>> {
  return Object.fromEntries(
    Object.entries(BUILT_IN).map(([section, keys]) => [
      section,
      Object.fromEntries(Object.keys(keys).map((key) => [key, value])),
    ]),
  );
}

/** Credentials that were good once, or never: no route may take them. */
export async function deadCredentials(server: EmbeddedServer, { admin }: Cast): Promise<Map<string, string>> {
  const { id, email, password, token } = await addAccount(admin, 'gone', 'admin');
  const key = await giveKey(server, id);
  const again = await signIn(admin, email, password);
  await again.ok('POST', '/api/v1/auths/signout');
  const changed = await addAccount(admin, 'changed', 'admin');
  await changed.ok('POST', '/api/v1/auths/update/password', {
    json: { password: changed.password, new_password: 'Another-staple-3' },
  });
  await admin.ok('DELETE', `/api/v1/users/${id}`);
  const [head = '', body = '', signature = ''] = admin.token.split('.');
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
  return new Map([
    ['the session of a deleted account', token],
    ['the key of a deleted account', key],
    ['a session that signed out', again.token],
    ['a session from before a new password', changed.token],
    ['a session without a signature', `${none}.${body}.`],
    ['a session of no algorithm with a signature', `${none}.${body}.${signature}`],
    ['a session with a broken signature', `${head}.${body}.${signature.slice(0, -4)}AAAA`],
    ['a key that never was', `sk-${'0'.repeat(32)}`],
    ['an empty key', 'sk-'],
  ]);
}
