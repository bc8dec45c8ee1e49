import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { createTokens, parseLifetime } from './tokens.ts';

const SECRET = 'a-secret-key';
const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

function sign(payload: object, { secret = SECRET, alg = 'HS256' } = {}): string {
  const head = `${b64({ alg, typ: 'JWT' })}.${b64(payload)}`;
  const mac = alg === 'none' ? '' : createHmac(alg.replace('HS', 'sha'), secret).update(head).digest('base64url');
  return `${head}.${mac}`;
}

describe('session tokens', () => {
  const tokens = createTokens([SECRET]);
  const now = Math.floor(Date.now() / 1_000);

  it('signs what it verifies', async () => {
    const { token, expires_at: expiresAt } = await tokens.sign({ id: 'u1', typ: 'session' }, 60);
    const claims = await tokens.verify(token);
    assert.equal(claims?.id, 'u1');
    assert.equal(claims?.exp, expiresAt);
    assert.match(String(claims?.jti), /^[0-9a-f-]{36}$/);
    assert.equal((await tokens.sign({ id: 'u1' }, null)).expires_at, null);
  });

  it('takes tokens of earlier releases and refuses what is not ours or not in time', async () => {
    assert.equal((await tokens.verify(sign({ id: 'u1' })))?.id, 'u1');
    for (const [why, token] of Object.entries({
      expired: sign({ id: 'u1', exp: now }),
      'issued tomorrow': sign({ id: 'u1', iat: now + 86_400 }),
      'not yet valid': sign({ id: 'u1', nbf: now + 60 }),
      'another key': sign({ id: 'u1' }, { secret: 'other' }),
      unsigned: sign({ id: 'u1' }, { alg: 'none' }),
      'another algorithm': sign({ id: 'u1' }, { alg: 'HS512' }),
      'no id': sign({}),
      'not a token': 'abc',
    })) {
      assert.equal(await tokens.verify(token), null, why);
    }
    assert.equal((await tokens.verify(sign({ id: 7 })))?.id, '');
  });

  it('reads lifetimes', () => {
    const read = ['4w', '1h30m', '1.5d', '500ms', '-1', '0', '1h-60m', '-5m'].map(parseLifetime);
    assert.deepEqual(read, [2_419_200, 5_400, 129_600, 0.5, null, null, null, -300]);
    assert.throws(() => parseLifetime('soon'), /JWT_EXPIRES_IN/);
  });
});
