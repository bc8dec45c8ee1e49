import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createPasswords } from './password.ts';

const plain = { algorithm: 'bcrypt', pattern: null, hint: '' };

describe('passwords', () => {
  it('verifies what it hashes, by 72 bytes', async () => {
    const passwords = createPasswords({ passwords: plain });
    const stored = await passwords.hash('Correct-horse-1');
    assert.match(stored, /^\$2b\$12\$/);
    assert.equal(await passwords.verify('Correct-horse-1', stored), true);
    assert.equal(await passwords.verify('Correct-horse-2', stored), false);
    const long = await passwords.hash('x'.repeat(72));
    assert.equal(await passwords.verify('x'.repeat(90), long), true);
    assert.equal(await passwords.verify('x'.repeat(71), long), false);
    const nul = await passwords.hash('a\0b');
    assert.equal(await passwords.verify('a\0c', nul), false);
  });

  it('reads the hashes of earlier releases and other tools', async () => {
    const passwords = createPasswords({ passwords: plain });
    // Of the package's own tests: the same hash under three names.
    const body = '$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
    for (const prefix of ['$2a', '$2b', '$2y']) {
      assert.equal(await passwords.verify('U*U', prefix + body), true, prefix);
      assert.equal(await passwords.verify('U*V', prefix + body), false, prefix);
    }
    for (const stored of ['', 'b2c1b1a2-0000-4000-8000-000000000000', '$2b$12$short', '$argon2id$v=19$nonsense']) {
      assert.equal(await passwords.verify('x', stored), false, stored);
    }
    assert.equal(await passwords.verifyNothing('x'), false);
  });

  it('hashes with argon2 when told to', async () => {
    const passwords = createPasswords({ passwords: { ...plain, algorithm: 'argon2' } });
    const stored = await passwords.hash('é'.repeat(60));
    assert.match(stored, /^\$argon2id\$v=19\$m=65536,t=3,p=4\$/);
    assert.equal(await passwords.verify('é'.repeat(60), stored), true);
    assert.equal(await passwords.verify('é'.repeat(59), stored), false);
    passwords.assertAcceptable('é'.repeat(60));
    await assert.rejects(createPasswords({ passwords: { ...plain, algorithm: 'md5' } }).hash('x'), /md5/);
  });

  it('refuses new passwords that break the rules', () => {
    const passwords = createPasswords({ passwords: { ...plain, pattern: /[a-z]{3}/u, hint: 'Three letters.' } });
    passwords.assertAcceptable('abc1');
    assert.throws(() => passwords.assertAcceptable('1abc'), { status: 400, detail: 'Three letters.' });
    assert.throws(() => passwords.assertAcceptable('é'.repeat(37)), { status: 400, detail: /too long/ });
  });
});
