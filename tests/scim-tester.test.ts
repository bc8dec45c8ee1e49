import assert from 'node:assert/strict';
import { it } from 'node:test';
import { apiClient, signUp } from './support/client.ts';
import { missingScimTester, runScimTester } from './support/scim-tester.ts';
import { startServer } from './support/server.ts';

const TOKEN = 'scim-tester-token';

/**
 * What the tester finds fault with and clients of Open WebUI are answered all the same: it wants what it wrote back to the
 * letter, without what the server adds, and to remove what every account has.
 */
const KNOWN = [
  // One text is kept of the three parts it makes up.
  'check_add_attribute User name',
  'check_replace_attribute User name',
  // There is one address and one picture: primary, of a fixed type.
  'check_replace_attribute User emails',
  'check_add_attribute User photos',
  'check_replace_attribute User photos',
  // An account always has them: 400 `Removing … is not supported`, mutability.
  'check_remove_attribute User name',
  'check_remove_attribute User active',
  'check_remove_attribute User photos',
  // Members come with the names they are shown by.
  'check_add_attribute Group members',
  'check_replace_attribute Group members',
];

const missing = await missingScimTester();

it('scim2-tester finds nothing but what clients of Open WebUI rely on', { skip: missing }, async () => {
  const env = { ENABLE_SCIM: 'true', SCIM_TOKEN: TOKEN, SCIM_AUTH_PROVIDER: 'oidc' };
  await using server = await startServer({ env, provider: null });
  await signUp(server);
  const checks = await runScimTester(`${server.base}/api/v1/scim/v2`, TOKEN);
  const failed = checks.filter(({ status }) => status !== 'SUCCESS' && status !== 'SKIPPED');
  const unknown = failed.filter(
    ({ check, resource, attribute }) => !KNOWN.includes(`${check} ${resource} ${attribute}`),
  );
  assert.deepEqual(unknown, []);
  const passed = checks.filter(({ status }) => status === 'SUCCESS');
  for (const resource of ['User', 'Group']) {
    const own = passed.filter((one) => one.resource === resource).map(({ check }) => check);
    for (const check of ['object_creation', 'object_query', 'object_replacement', 'object_deletion']) {
      assert.ok(own.includes(check), `${resource}: ${check}`);
    }
  }
  assert.ok(passed.length > 50, `only ${passed.length} checks passed`);
});

it('SCIM discovery gives lists to clients of the protocol, and bare ones to others', async () => {
  await using server = await startServer({ env: { ENABLE_SCIM: 'true', SCIM_TOKEN: TOKEN }, provider: null });
  const client = apiClient(server.base);
  const base = '/api/v1/scim/v2';
  for (const path of ['ResourceTypes', 'Schemas']) {
    assert.ok(Array.isArray(await client.ok('GET', `${base}/${path}`)));
    const headers = { accept: 'application/scim+json' };
    const list = await client.ok<{ totalResults: number; Resources: { id: string }[] }>('GET', `${base}/${path}`, {
      headers,
    });
    assert.equal(list.totalResults, 2);
    const [first] = list.Resources;
    assert.equal((await client.ok('GET', `${base}/${path}/${first?.id}`)).id, first?.id);
    const { status, body } = await client.call('GET', `${base}/${path}/none`);
    assert.deepEqual([status, (body as { status: string }).status], [404, '404']);
  }
});
