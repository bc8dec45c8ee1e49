import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { admin, anyone, current, verified } from '../../../kernel/http/access.ts';
import { HttpError } from '../../../kernel/http/errors.ts';
import { route } from '../../../kernel/http/route.ts';
import { assertInScope, needOf, readScopes, SCOPES } from './scopes.ts';

const at = (method: 'GET' | 'POST', url: string, access = verified) =>
  route({ method, url, access, handler: () => null });

/** What a key with these scopes gets: null, or why it is refused. */
function outcome(scopes: string[] | null, method: 'GET' | 'POST', url: string, access = verified): string | null {
  try {
    assertInScope(scopes && new Set(scopes), at(method, url, access), method);
    return null;
  } catch (error) {
    assert.ok(error instanceof HttpError);
    assert.equal(error.status, 403);
    return String(error.detail);
  }
}

describe('scopes of an API key', () => {
  it('give what they name, and writing includes reading', () => {
    assert.equal(outcome(['chats:read'], 'GET', '/api/v1/chats/:id'), null);
    assert.equal(outcome(['chats:read'], 'POST', '/api/v1/chats/:id'), 'The key lacks the scope chats:write.');
    assert.equal(outcome(['chats:write'], 'GET', '/api/v1/chats/:id'), null);
    assert.equal(outcome(['chats:read'], 'GET', '/api/v1/files/'), 'The key lacks the scope files:read.');
    assert.equal(outcome(['completions'], 'POST', '/api/chat/completions'), null);
    assert.equal(outcome(['completions'], 'GET', '/api/models'), null);
    assert.equal(outcome(['completions'], 'GET', '/api/v1/models/list'), 'The key lacks the scope models:read.');
  });

  it('give nothing of administrators without a scope for that', () => {
    assert.equal(outcome(['configs:write'], 'POST', '/api/v1/configs/import', admin), 'The key lacks the scope admin.');
    assert.equal(outcome(['configs:write', 'admin'], 'POST', '/api/v1/configs/import', admin), null);
    assert.equal(outcome(['completions'], 'POST', '/openai/config/update', admin), 'The key lacks the scope admin.');
  });

  it('never lead to credentials, nor does a key without limits lead to other keys', () => {
    const never = 'A key with scopes may not call this.';
    assert.equal(outcome([...SCOPES], 'POST', '/api/v1/auths/api_key', current), never);
    assert.equal(outcome([...SCOPES], 'POST', '/api/v1/auths/update/password', current), never);
    assert.equal(outcome([...SCOPES], 'GET', '/api/v1/made-up/'), never);
    assert.equal(outcome(null, 'POST', '/api/v1/auths/api_key', current), 'A human session is required.');
    assert.equal(outcome(null, 'GET', '/api/v1/auths/api_key', current), 'A human session is required.');
    assert.equal(outcome(null, 'POST', '/api/v1/auths/update/timezone', current), null);
  });

  it('are read once each, in order, and only those that exist', () => {
    assert.deepEqual(readScopes(['admin', 'chats:read', 'completions', 'chats:read']), [
      'completions',
      'chats:read',
      'admin',
    ]);
    for (const bad of [['chats'], ['chats:delete'], ['*'], []]) assert.throws(() => readScopes(bad), HttpError);
  });

  it('cover every route that asks for an account', () => {
    const document = readFileSync(resolve(import.meta.dirname, '../../../../docs/authorization.md'), 'utf8');
    const rows = [...document.matchAll(/^\| (\w+) \| `([^`]+)` \| (.+?) \|$/gm)];
    assert.ok(rows.length > 300);
    const outside = rows
      .filter(([, , , who = '']) => !/^(?:anyone|optional|token)/.test(who))
      .filter(([, method = '', url = '']) => needOf({ url, access: anyone }, method).area === null)
      .map(([, , url = '']) => url)
      .filter((url) => !/^\/(?:api\/v1\/auths|oauth)\//.test(url));
    assert.deepEqual(outside, [], 'scopes.ts does not say which scope opens these');
  });
});
