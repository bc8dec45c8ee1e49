import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFernet, fernetKeyOf, readFernetKey } from './fernet.ts';

/** The example of the Fernet specification. */
const KEY = 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=';
const TOKEN = 'gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==';

describe('Fernet', () => {
  const key = readFernetKey(KEY);
  assert.ok(key);
  const fernet = createFernet(key);

  it('reads what others write, and what it writes itself', () => {
    assert.equal(fernet.decrypt(TOKEN), 'hello');
    for (const text of ['', 'a', 'Schlüssel 🔑', 'x'.repeat(100_000)]) {
      const token = fernet.encrypt(text);
      assert.equal(token.length % 4, 0);
      assert.equal(fernet.decrypt(token), text);
    }
    assert.notEqual(fernet.encrypt('a'), fernet.encrypt('a'));
  });

  it('gives nothing for a token that was changed, cut or made with another key', () => {
    const other = createFernet(fernetKeyOf('another secret'));
    assert.equal(other.decrypt(TOKEN), null);
    // The last character before the padding has bits that stand for nothing.
    for (let at = 0; at < TOKEN.length - 3; at += 1) {
      const changed = `${TOKEN.slice(0, at)}${TOKEN[at] === 'A' ? 'B' : 'A'}${TOKEN.slice(at + 1)}`;
      assert.equal(fernet.decrypt(changed), null, `character ${at}`);
      assert.equal(fernet.decrypt(TOKEN.slice(0, at)), null, `cut at ${at}`);
    }
  });

  it('takes keys as they are and makes them of any other text', () => {
    assert.deepEqual(fernetKeyOf(KEY), key);
    assert.equal(readFernetKey('x'.repeat(44)), null);
    assert.equal(readFernetKey(KEY.slice(1)), null);
    assert.equal(fernetKeyOf('x'.repeat(44)).length, 32);
    assert.throws(() => createFernet(Buffer.alloc(16)));
  });
});
