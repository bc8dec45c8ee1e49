import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Account, type Answer, addAccount, apiClient, signUp } from './support/client.ts';
import { startServer, type TestServer } from './support/server.ts';

const S = '/api/v1/scim/v2';
const TOKEN = 'scim-test-token';
const ERROR = 'urn:ietf:params:scim:api:messages:2.0:Error';
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';
const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';

interface ScimUser {
  id: string;
  userName: string;
  displayName: string;
  active: boolean;
  externalId: string | null;
  groups: { value: string }[] | null;
}
interface ScimGroup {
  id: string;
  displayName: string;
  members?: { value: string }[];
}
interface ScimList<T> {
  totalResults: number;
  Resources: T[];
}

describe('SCIM', () => {
  let server: TestServer;
  let admin: Account;
  before(async () => {
    const env = { ENABLE_SCIM: 'true', SCIM_TOKEN: TOKEN, SCIM_AUTH_PROVIDER: 'oidc' };
    server = await startServer({ env });
    admin = await signUp(server);
  });
  after(() => server.stop());

  const ask = (method: string, path: string, json?: unknown): Promise<Answer> =>
    apiClient(server.base, TOKEN).call(method, S + path, {
      ...(json === undefined ? {} : { json }),
      headers: { 'content-type': 'application/scim+json' },
    });
  async function ok<T>(status: number, method: string, path: string, json?: unknown): Promise<T> {
    const answer = await ask(method, path, json);
    assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body as T;
  }
  async function refused(status: number, scimType: string | undefined, method: string, path: string, json?: unknown) {
    const answer = await ask(method, path, json);
    const body = answer.body as { schemas: string[]; status: string; scimType?: string; detail: string };
    assert.deepEqual(
      [answer.status, body.schemas, body.status, body.scimType],
      [status, [ERROR], String(status), scimType],
      JSON.stringify(body),
    );
    return body.detail;
  }
  const person = (name: string, extra: object = {}) => ({
    schemas: [USER],
    userName: `${name}@corp.example`,
    externalId: `ext-${name}`,
    displayName: name,
    emails: [{ value: `${name}@corp.example`, primary: true, type: 'work' }],
    active: true,
    ...extra,
  });
  const create = (name: string, extra?: object) => ok<ScimUser>(201, 'POST', '/Users', person(name, extra));
  const patch = (path: string, ...Operations: object[]) =>
    ok<ScimUser>(200, 'PATCH', path, { schemas: [PATCH], Operations });
  const patchGroup = (path: string, ...Operations: object[]) =>
    ok<ScimGroup>(200, 'PATCH', path, { schemas: [PATCH], Operations });
  const find = (kind: string, filter: string) =>
    ok<ScimList<ScimUser>>(200, 'GET', `/${kind}?filter=${encodeURIComponent(filter)}`);
  const idsOf = (group: ScimGroup) => (group.members ?? []).map(({ value }) => value).sort();

  it('asks for the token before it reads the body, and takes no session for it', async () => {
    const bare = await apiClient(server.base).call('POST', `${S}/Users`, { json: {} });
    assert.deepEqual([bare.status, bare.headers.get('www-authenticate')], [401, 'Bearer']);
    assert.equal((await admin.call('GET', `${S}/Users`)).status, 401);
    assert.equal((await apiClient(server.base, `${TOKEN}x`).call('GET', `${S}/Users`)).status, 401);
    assert.equal((await apiClient(server.base, TOKEN).call('GET', '/api/v1/users/all')).status, 401);
    assert.equal((await apiClient(server.base).call('GET', `${S}/ServiceProviderConfig`)).status, 200);
    const large = { ...person('large'), padding: 'x'.repeat(3_000_000) };
    assert.equal((await ask('POST', '/Users', large)).status, 201);
  });

  it('shows no account that has a password of its own', async () => {
    const local = await addAccount(admin, 'Local');
    assert.equal(await refused(404, 'invalidValue', 'GET', `/Users/${local.id}`), `User ${local.id} not found`);
    assert.equal(await refused(404, 'invalidValue', 'DELETE', `/Users/${local.id}`), `User ${local.id} not found`);
    assert.equal((await find('Users', `userName eq "${local.email}"`)).totalResults, 0);
  });

  it('reads filters properly and refuses those it does not know', async () => {
    const user = await create('quote"y');
    assert.deepEqual(
      (await find('Users', 'EXTERNALID Eq "ext-quote\\"y"')).Resources.map(({ id }) => id),
      [user.id],
    );
    assert.deepEqual(
      (await find('Users', `${USER}:userName eq "QUOTE\\"Y@corp.example"`)).Resources.map(({ id }) => id),
      [user.id],
    );
    for (const filter of [
      'userName',
      'userName eq',
      'userName sw "a"',
      'nickName eq "a"',
      'userName eq a',
      `userName eq "${'a'.repeat(9_000)}"`,
    ]) {
      await refused(400, 'invalidFilter', 'GET', `/Users?filter=${encodeURIComponent(filter)}`);
    }
    await refused(400, 'invalidFilter', 'GET', `/Groups?filter=${encodeURIComponent('userName eq "a"')}`);
  });

  it('keeps addresses in lower case and one to an account', async () => {
    const [one, two] = [await create('one'), await create('two')];
    const put = await ok<ScimUser>(200, 'PUT', `/Users/${one.id}`, { userName: 'One.New@Corp.example' });
    assert.equal(put.userName, 'one.new@corp.example');
    await refused(409, 'uniqueness', 'PUT', `/Users/${one.id}`, { userName: 'TWO@corp.example' });
    const operation = { op: 'replace', path: 'userName', value: 'TWO@corp.example' };
    await refused(409, 'uniqueness', 'PATCH', `/Users/${one.id}`, { Operations: [operation] });
    await refused(409, 'uniqueness', 'POST', '/Users', person('three', { externalId: 'ext-two' }));
    assert.equal((await ok<ScimUser>(200, 'GET', `/Users/${two.id}`)).userName, 'two@corp.example');
    const together = await Promise.all(
      [1, 2, 3].map((at) => ask('POST', '/Users', person('many', { externalId: `m${at}` }))),
    );
    assert.deepEqual(together.map(({ status }) => status).sort(), [201, 409, 409]);
  });

  it('takes what Entra ID sends', async () => {
    const user = await create('entra');
    const path = `/Users/${user.id}`;
    assert.equal((await patch(path, { op: 'Replace', path: 'active', value: 'False' })).active, false);
    assert.equal((await patch(path, { op: 'Replace', path: 'active', value: 'True' })).active, true);
    const renamed = await patch(
      path,
      { op: 'Add', path: 'name.givenName', value: 'Enid' },
      { op: 'Add', path: `${USER}:name.familyName`, value: 'Trable' },
      { op: 'Replace', path: 'emails[type eq "work"].value', value: 'Enid@corp.example' },
    );
    assert.deepEqual([renamed.displayName, renamed.userName], ['Enid Trable', 'enid@corp.example']);
    const group = await ok<ScimGroup>(201, 'POST', '/Groups', { displayName: 'Entra', externalId: 'g', members: [] });
    const at = `/Groups/${group.id}`;
    const member = { $ref: null, value: user.id };
    assert.deepEqual(idsOf(await patchGroup(at, { op: 'Add', path: 'members', value: [member] })), [user.id]);
    const bare = await ok<ScimGroup>(200, 'GET', `${at}?excludedAttributes=members`);
    assert.equal(bare.members, undefined);
    assert.deepEqual(idsOf(await patchGroup(at, { op: 'Remove', path: 'members', value: [member] })), []);
  });

  it('takes what Okta sends', async () => {
    const [user, other] = [
      await create('okta', { password: 'ignored', groups: [], locale: 'en-US' }),
      await create('okta2'),
    ];
    assert.equal((await patch(`/Users/${user.id}`, { op: 'replace', value: { active: false } })).active, false);
    const group = await ok<ScimGroup>(201, 'POST', '/Groups', {
      displayName: 'Okta',
      members: [{ value: user.id, display: 'okta' }],
    });
    const at = `/Groups/${group.id}`;
    const named = await patchGroup(at, { op: 'replace', value: { id: group.id, displayName: 'Okta people' } });
    assert.deepEqual([named.displayName, idsOf(named)], ['Okta people', [user.id]]);
    const changed = await patchGroup(
      at,
      { op: 'remove', path: `members[value eq "${user.id}"]` },
      { op: 'add', path: 'members', value: [{ value: other.id, display: 'okta2' }] },
    );
    assert.deepEqual(idsOf(changed), [other.id]);
    assert.deepEqual(
      (await ok<ScimUser>(200, 'GET', `/Users/${other.id}`)).groups?.map(({ value }) => value),
      [group.id],
    );
  });

  it('knows groups by the id their provider has for them', async () => {
    const form = { displayName: 'Sales', externalId: 'ext-sales' };
    const made = await ok<ScimGroup & { externalId: string }>(201, 'POST', '/Groups', form);
    assert.equal(made.externalId, 'ext-sales');
    const byExternalId = async (id: string) =>
      (await find('Groups', `externalId eq "${id}"`)).Resources.map((one) => one.id);
    assert.deepEqual(await byExternalId('ext-sales'), [made.id]);
    await patchGroup(`/Groups/${made.id}`, { op: 'replace', path: 'externalId', value: 'ext-other' });
    assert.deepEqual([await byExternalId('ext-sales'), await byExternalId('ext-other')], [[], [made.id]]);
    await patchGroup(`/Groups/${made.id}`, { op: 'remove', path: 'externalId' });
    assert.deepEqual(await byExternalId('ext-other'), []);
    assert.equal((await ok<ScimGroup>(200, 'GET', `/Groups/${made.id}`)).displayName, 'Sales');
  });

  it('shows the attributes that are asked for, and searches with POST', async () => {
    const user = await create('select');
    const get = (query: string) => ok<Record<string, unknown>>(200, 'GET', `/Users/${user.id}?${query}`);
    const some = await get(`attributes=userName,name.givenName,${USER}:externalId`);
    assert.deepEqual(some, {
      schemas: [USER],
      id: user.id,
      externalId: 'ext-select',
      userName: 'select@corp.example',
      name: { givenName: 'select' },
    });
    const rest = await get('excludedAttributes=id,meta,photos,externalId,name.formatted');
    assert.ok(!('meta' in rest) && !('photos' in rest) && !('externalId' in rest) && rest.id === user.id);
    assert.deepEqual(Object.keys(rest.name as object).includes('formatted'), false);
    const search = { filter: 'userName eq "select@corp.example"', attributes: ['userName'] };
    const found = await ok<ScimList<ScimUser>>(200, 'POST', '/Users/.search', search);
    assert.deepEqual(found.Resources, [{ schemas: [USER], id: user.id, userName: 'select@corp.example' }]);
    await refused(501, undefined, 'POST', '/.search', search);
    await refused(404, 'invalidValue', 'GET', '/Nothing');
    const photo = 'https://corp.example/select.png';
    await patch(`/Users/${user.id}`, { op: 'add', path: 'photos[type eq "photo"].value', value: photo });
    const [shown] = (await get('attributes=photos')).photos as { value: string }[];
    assert.equal(shown?.value, photo);
  });

  it('changes all of a patch or nothing', async () => {
    const user = await create('whole');
    const bad = [
      { op: 'replace', path: 'displayName', value: 'Changed' },
      { op: 'replace', path: 'nickName', value: 'x' },
    ];
    await refused(400, 'invalidPath', 'PATCH', `/Users/${user.id}`, { Operations: bad });
    assert.equal((await ok<ScimUser>(200, 'GET', `/Users/${user.id}`)).displayName, 'whole');
    const before = (await ok<ScimList<ScimGroup>>(200, 'GET', '/Groups?count=0')).totalResults;
    await refused(400, 'invalidValue', 'POST', '/Groups', {
      displayName: 'x',
      members: [{ value: user.id }, { value: 'nobody' }],
    });
    assert.equal((await ok<ScimList<ScimGroup>>(200, 'GET', '/Groups?count=0')).totalResults, before);
  });

  it('ends the sessions of who is switched off, and never switches off administrators', async () => {
    const user = await create('leaver');
    await admin.ok('POST', `/api/v1/users/${user.id}/update`, { json: { password: 'Correct-horse-2' } });
    const session = await apiClient(server.base).ok<{ token: string }>('POST', '/api/v1/auths/signin', {
      json: { email: user.userName, password: 'Correct-horse-2' },
    });
    const own = apiClient(server.base, session.token);
    await own.ok('GET', '/api/v1/auths/');
    await ok(200, 'PUT', `/Users/${user.id}`, { active: false });
    assert.equal((await own.call('GET', '/api/v1/auths/')).status, 401);
    await admin.ok('POST', `/api/v1/users/${user.id}/update`, { json: { role: 'admin' } });
    assert.equal((await ok<ScimUser>(200, 'PUT', `/Users/${user.id}`, { active: false })).active, true);
    await refused(403, undefined, 'DELETE', `/Users/${user.id}`);
  });

  it('removes an account with its memberships', async () => {
    const user = await create('gone');
    const group = await ok<ScimGroup>(201, 'POST', '/Groups', { displayName: 'Left', members: [{ value: user.id }] });
    assert.equal((await ask('DELETE', `/Users/${user.id}`)).status, 204);
    assert.deepEqual(idsOf(await ok<ScimGroup>(200, 'GET', `/Groups/${group.id}`)), []);
    await refused(404, 'invalidValue', 'DELETE', `/Users/${user.id}`);
    assert.equal((await ask('DELETE', `/Groups/${group.id}`)).status, 204);
    await refused(404, 'invalidValue', 'GET', `/Groups/${group.id}`);
  });
});

it('SCIM without a provider name makes no account', async () => {
  await using server = await startServer({ env: { ENABLE_SCIM: 'true', SCIM_TOKEN: TOKEN } });
  const admin = await signUp(server);
  const scim = apiClient(server.base, TOKEN);
  const json = { userName: 'a@b.example', displayName: 'A', emails: [{ value: 'a@b.example' }] };
  assert.equal((await scim.call('POST', `${S}/Users`, { json })).status, 500);
  const { total } = await admin.ok<{ total: number }>('GET', '/api/v1/users/');
  assert.equal(total, 1);
});

it('SCIM is not there unless it is switched on', async () => {
  await using server = await startServer({ env: { SCIM_TOKEN: TOKEN } });
  const { status } = await apiClient(server.base, TOKEN).call('GET', `${S}/Users`);
  assert.equal(status, 404);
});
