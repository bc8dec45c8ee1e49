import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openaiConnections } from '../connections.ts';
import { hasNoAccess } from './list.ts';

it('the public API is not asked without a key or headers that may hold one', () => {
  const one = (url: string, key: string, config: object = {}) => {
    const values: Record<string, unknown> = {
      'openai.enable': true,
      'openai.api_base_urls': [url],
      'openai.api_keys': [key],
      'openai.api_configs': { 0: config },
    };
    const [connection] = openaiConnections({ get: (name: string) => values[name] as never });
    assert.ok(connection);
    return hasNoAccess(connection);
  };
  assert.equal(one('https://api.openai.com/v1', ''), true);
  assert.equal(one('https://api.openai.com/v1', 'sk-1'), false);
  assert.equal(one('https://api.openai.com/v1', '', { headers: { authorization: 'Bearer x' } }), false);
  assert.equal(one('https://api.openai.com/v1', '', { auth_type: 'system_oauth' }), false);
  assert.equal(one('http://localhost:1234/v1', ''), false);
});
