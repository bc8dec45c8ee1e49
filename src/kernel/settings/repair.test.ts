import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { flatSettings } from './nested.ts';
import { repairRows } from './repair.ts';

const repaired = (rows: Record<string, unknown>) => {
  const { put, remove } = repairRows(new Map(Object.entries(rows)));
  return { put: Object.fromEntries(put), remove: [...remove].sort() };
};

describe('repair of rows', () => {
  it('leaves rows of today alone', () => {
    assert.deepEqual(repaired({ 'ui.default_models': 'a,b', 'openai.api_configs': { 0: {} } }), {
      put: {},
      remove: [],
    });
  });

  it('folds flattened objects, by index and by address', () => {
    const { put, remove } = repaired({
      'openai.api_configs': { 1: { enable: true } },
      'openai.api_configs.0.enable': false,
      'OPENAI_API_CONFIGS.http://a.b/v1.headers.x': 'y',
      'openai.api_configs.nothing': 1,
      'rag.docling_params.ocr.engine': 'e',
      'rag.docling_params.ocr': 'text in the way',
    });
    assert.deepEqual(put['openai.api_configs'], {
      0: { enable: false },
      1: { enable: true },
      'http://a.b/v1': { headers: { x: 'y' } },
    });
    assert.ok(!remove.includes('openai.api_configs.nothing'));
    assert.ok(remove.includes('OPENAI_API_CONFIGS.http://a.b/v1.headers.x'));
    assert.deepEqual(Object.keys(put['rag.docling_params'] as object), ['ocr']);
  });

  it('keeps a member named __proto__ a member', () => {
    const { put } = repaired({ 'task.model.params.__proto__.polluted': 1 });
    assert.equal(({} as { polluted?: number }).polluted, undefined);
    assert.ok(Object.hasOwn(put['task.model.params'] as object, '__proto__'));
  });

  it('moves web settings, today’s row winning', () => {
    assert.deepEqual(
      repaired({ 'rag.web.search.engine': 'old', 'web.search.engine': 'new', 'rag.web.loader.engine': 'l' }),
      {
        put: { 'web.loader.engine': 'l' },
        remove: ['rag.web.loader.engine', 'rag.web.search.engine'],
      },
    );
  });

  it('makes lists of default models text, and access_control grants', () => {
    const { put } = repaired({
      'ui.default_models': [' a ', '', 'b'],
      'tool_server.connections': [
        { url: 'x', config: { enable: true, access_control: { read: { group_ids: ['g'], user_ids: ['u'] } } } },
        { url: 'y', config: { access_control: null, access_grants: [{ kept: 1 }] } },
        'odd',
      ],
    });
    assert.equal(put['ui.default_models'], 'a,b');
    assert.deepEqual(put['tool_server.connections'], [
      {
        url: 'x',
        config: {
          enable: true,
          access_grants: [
            { principal_type: 'group', principal_id: 'g', permission: 'read' },
            { principal_type: 'user', principal_id: 'u', permission: 'read' },
          ],
        },
      },
      { url: 'y', config: { access_grants: [{ kept: 1 }] } },
      'odd',
    ]);
  });
});

describe('nested settings of earlier releases', () => {
  it('become flat rows under today’s names', () => {
    const rows = Object.fromEntries(
      flatSettings({
        version: 0,
        ui: { enable_signup: false, banners: [] },
        rag: { openai_api_key: 'k', web: { search: { engine: 'searxng' } }, docling_params: { a: { b: 1 } } },
        oauth: { oidc: { client_id: 'c', scopes: 's' } },
        user: { permissions: { chat: { edit: true } } },
        'house.rule': { kept: 1 },
        OPENAI_API_CONFIGS: { 0: {} },
      }),
    );
    assert.deepEqual(rows, {
      version: 0,
      'ui.enable_signup': false,
      'ui.banners': [],
      'rag.openai.api_key': 'k',
      'web.search.engine': 'searxng',
      'rag.docling_params': { a: { b: 1 } },
      'oauth.client_id': 'c',
      'oauth.scopes': 's',
      'user.permissions': { chat: { edit: true } },
      'house.rule': { kept: 1 },
      'openai.api_configs': { 0: {} },
    });
  });
});
