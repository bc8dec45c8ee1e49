import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { accessControlOf, grantsAllow, grantsFromAccessControl, normaliseGrants } from './grants.ts';
import { defaultModelSource, depthOf, withAncestors, withDescendants } from './hierarchy.ts';
import { BUILT_IN, combineTrees, fillTree, treeValue } from './tree.ts';

const node = (id: string, parent: string | null, data: unknown = null, created = 0) =>
  [id, { id, parent_group_id: parent, data, created_at: created }] as const;

describe('group hierarchy', () => {
  const groups = new Map([node('top', null), node('mid', 'top'), node('low', 'mid'), node('a', 'b'), node('b', 'a')]);

  it('lets membership flow upwards and ends on circles and missing parents', () => {
    assert.deepEqual([...withAncestors(['low'], groups)], ['low', 'mid', 'top']);
    assert.deepEqual([...withAncestors(['a', 'gone'], groups)], ['a', 'b']);
    assert.deepEqual([...withDescendants('top', groups)].sort(), ['low', 'mid', 'top']);
    assert.deepEqual([...withDescendants('a', groups)].sort(), ['a', 'b']);
    assert.deepEqual([depthOf('top', groups), depthOf('low', groups)], [0, 2]);
  });

  it('takes the default models of the deepest group, then the oldest', () => {
    const models = (...ids: unknown[]) => ({ config: { default_models: ids } });
    const some = new Map([
      node('top', null, models('m1'), 1),
      node('low', 'top', models('m2'), 9),
      node('old', 'top', models('m3'), 5),
      node('none', 'low', models(' ', 4)),
    ]);
    assert.deepEqual(defaultModelSource(['top', 'low', 'old', 'none'], some), { id: 'old', models: ['m3'] });
    assert.equal(defaultModelSource(['none'], some), null);
  });
});

describe('permission tree', () => {
  it('fills gaps, drops what it does not know, and lets groups only add', () => {
    const stored = { chat: { delete: false, made: true }, extra: {}, workspace: 'x' };
    const tree = fillTree(stored, BUILT_IN);
    assert.equal(tree.chat.delete, false);
    assert.equal(tree.chat.edit, true);
    assert.equal('made' in tree.chat, false);
    const combined = combineTrees(tree, { chat: { delete: true, edit: false }, made: { up: true } });
    assert.equal(treeValue(combined, 'chat.delete'), true);
    assert.equal(treeValue(combined, 'chat.edit'), true);
    assert.equal(treeValue(combined, 'made.up'), true);
    assert.equal(tree.chat.delete, false);
    assert.equal(treeValue(combined, 'constructor.name'), undefined);
  });
});

describe('grants', () => {
  it('keeps what is a grant, once for each audience and right', () => {
    const list = normaliseGrants([
      { id: 'one', principal_type: 'user', principal_id: 'u', permission: 'read' },
      { id: 'two', principal_type: 'user', principal_id: 'u', permission: 'read' },
      { principal_type: 'anyone', principal_id: '*', permission: 'write' },
      { principal_type: 'robot', principal_id: 'x', permission: 'read' },
      { principal_type: 'user', principal_id: 7, permission: 'read' },
      { principal_type: 'group', principal_id: 'g', permission: 'own' },
      'x',
      null,
    ]);
    assert.deepEqual(
      list.map(({ id }) => id),
      ['two'],
    );
    assert.deepEqual(normaliseGrants({}), []);
  });

  it('needs the exact right, by user, group or everybody', () => {
    const list = normaliseGrants([
      { principal_type: 'group', principal_id: 'g', permission: 'write' },
      { principal_type: 'anyone', principal_id: '*', permission: 'read' },
    ]);
    assert.equal(grantsAllow(list, 'u', new Set(['g']), 'write'), true);
    assert.equal(grantsAllow(list, 'u', new Set(['g']), 'read'), false);
    assert.equal(grantsAllow(list, 'u', new Set(), 'write'), false);
  });

  it('converts the old member there and back', () => {
    const old = { read: { group_ids: ['g'], user_ids: ['u'] }, write: { group_ids: [], user_ids: ['u'] } };
    assert.deepEqual(accessControlOf(grantsFromAccessControl(old, 'model')), old);
    assert.equal(accessControlOf(grantsFromAccessControl(null, 'model')), null);
    assert.deepEqual(accessControlOf(grantsFromAccessControl(null, 'file')), {});
    assert.deepEqual(accessControlOf(grantsFromAccessControl({}, 'model')), {});
  });
});
