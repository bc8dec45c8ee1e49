import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { admin, anyone } from '../../kernel/http/access.ts';
import type { Method } from '../../kernel/http/route.ts';
import { classOf } from './classes.ts';
import { networkOf } from './index.ts';

const document = readFileSync(resolve(import.meta.dirname, '../../../docs/authorization.md'), 'utf8');
const rows = [...document.matchAll(/^\| (\w+) \| `([^`]+)` \| (.+?) \|$/gm)].map(
  ([, method = '', url = '', who = '']) => ({
    name: `${method} ${url}`,
    class: classOf({ url, methods: [method as Method], access: who === 'admin' ? admin : anyone }),
  }),
);
const inClass = (wanted: string) => rows.filter((row) => row.class === wanted).map(({ name }) => name);

describe('classes of costly calls', () => {
  it('hold what they are named for', () => {
    const expected: Record<string, string[]> = {
      SIGN_IN: [
        'POST /api/v1/auths/signin',
        'POST /api/v1/auths/signup',
        'POST /api/v1/auths/ldap',
        'POST /api/v1/auths/mfa/verify',
      ],
      COMPLETIONS: [
        'POST /api/chat/completions',
        'POST /api/v1/chat/completions',
        'POST /api/v1/messages',
        'POST /api/message',
        'POST /api/embeddings',
        'POST /openai/chat/completions',
        'POST /openai/responses',
        'POST /ollama/api/chat',
        'POST /ollama/api/generate/:url_idx',
        'POST /ollama/v1/chat/completions',
        'POST /api/v1/tasks/title/completions',
        'POST /api/chat/actions/:action_id',
      ],
      MEDIA: ['POST /api/v1/images/generations', 'POST /api/v1/audio/speech', 'POST /openai/audio/speech'],
      UPLOADS: ['POST /api/v1/files/', 'POST /api/v1/knowledge/:id/file/add'],
      SEARCHES: ['GET /api/v1/search', 'GET /api/v1/chats/search', 'POST /api/v1/memories/query'],
      TRANSFERS: ['POST /api/v1/chats/import', 'GET /api/v1/chats/all', 'POST /api/v1/chats/:id/clone'],
    };
    const known = new Set(rows.map(({ name }) => name));
    for (const [kind, names] of Object.entries(expected)) {
      for (const name of names.filter((one) => known.has(one)))
        assert.ok(inClass(kind).includes(name), `${kind}: ${name}`);
      assert.ok(
        names.some((name) => known.has(name)),
        kind,
      );
    }
  });

  it('leave everyday calls and those of administrators alone', () => {
    for (const name of [
      'GET /api/v1/chats/',
      'GET /api/v1/chats/:id',
      'GET /api/v1/chats/all/tags',
      'POST /api/v1/chats/new',
      'GET /api/models',
      'GET /api/config',
      'GET /api/v1/auths/',
      'POST /api/v1/images/config/update',
      'POST /openai/config/update',
      'GET /api/v1/configs/export',
      'POST /api/v1/channels/:id/messages/post',
      'POST /api/v1/chats/:id/messages/:message_id',
    ]) {
      assert.equal(rows.find((row) => row.name === name)?.class ?? null, null, name);
    }
    const limited = rows.filter((row) => row.class !== null).length;
    assert.ok(limited > 40 && limited < rows.length / 3, `${limited} of ${rows.length}`);
  });

  it('take an IPv6 network for one address', () => {
    assert.equal(networkOf('203.0.113.9'), '203.0.113.9');
    assert.equal(networkOf('::ffff:203.0.113.9'), '203.0.113.9');
    assert.equal(networkOf('2001:db8:1:2:aaaa::1'), '2001:db8:1:2::/64');
    assert.equal(networkOf('2001:0db8:0001:0002:ffff:1:2:3'), networkOf('2001:db8:1:2::9'));
    assert.notEqual(networkOf('2001:db8:1:3::1'), networkOf('2001:db8:1:2::1'));
    assert.equal(networkOf('::1'), '0:0:0:0::/64');
  });
});
