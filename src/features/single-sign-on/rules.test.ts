import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDomainAllowed, isUnverified, listClaim, textClaim } from './claims.ts';
import { blockedNames } from './groups.ts';
import { mappedRole } from './roles.ts';
import { expiryOf } from './stored-tokens.ts';

describe('claims', () => {
  it('are read as texts', () => {
    const claims = { sub: 42, name: ' Ada ', empty: ' ', list: ['x'], flag: true };
    assert.equal(textClaim(claims, 'sub'), '42');
    assert.equal(textClaim(claims, 'name'), 'Ada');
    for (const name of ['empty', 'list', 'flag', 'missing', 'constructor', '__proto__']) {
      assert.equal(textClaim(claims, name), null, name);
    }
  });

  it('are read as lists, by a path or by their whole name', () => {
    const claims = {
      realm: { roles: ['a', 'a', '', 3, null, { x: 1 }] },
      'https://x.y/z': 'b;c',
      text: 'd, e ,',
      one: 7,
    };
    assert.deepEqual(listClaim(claims, 'realm.roles', ','), ['a', '3']);
    assert.deepEqual(listClaim(claims, 'https://x.y/z', ';'), ['b', 'c']);
    assert.deepEqual(listClaim(claims, 'text', ','), ['d', 'e']);
    assert.deepEqual(listClaim(claims, 'one', ','), ['7']);
    for (const name of ['', 'realm', 'realm.roles.0.x', 'missing.deep', 'realm.constructor.name']) {
      assert.deepEqual(listClaim(claims, name, ','), [], name);
    }
  });

  it('say that an address is not verified only when they do', () => {
    for (const verified of [false, 'false', 'False']) assert.equal(isUnverified({ email_verified: verified }), true);
    for (const verified of [true, 'true', undefined, null, 0]) {
      assert.equal(isUnverified({ email_verified: verified }), false);
    }
  });

  it('belong to a domain by what follows the last @', () => {
    const allowed = ['Corp.Example ', 'example.org'];
    assert.equal(isDomainAllowed('a@corp.example', allowed), true);
    for (const email of [
      'a@evil-corp.example',
      'a@sub.corp.example',
      'corp.example@evil.org',
      'a@corp.example@evil.org',
    ]) {
      assert.equal(isDomainAllowed(email, allowed), false, email);
    }
    assert.equal(isDomainAllowed('anybody', ['x', '*']), true);
    assert.equal(isDomainAllowed('a@x', []), false);
  });
});

describe('roles', () => {
  const rules = { claim: 'roles', separator: ',', allowed: ['staff'], admin: ['boss'] };
  it('of administrators come first, others let nobody in', () => {
    assert.equal(mappedRole(rules, ['staff', 'boss']), 'admin');
    assert.equal(mappedRole(rules, ['boss']), 'admin');
    assert.equal(mappedRole(rules, ['staff']), 'user');
    assert.equal(mappedRole(rules, ['Staff']), null);
    assert.equal(mappedRole({ ...rules, allowed: ['*'] }, ['guest']), 'user');
    assert.equal(mappedRole({ ...rules, admin: ['*'] }, ['guest']), null);
  });
});

describe('blocked groups', () => {
  const invalid: string[] = [];
  const blocked = (stored: unknown) => blockedNames(stored, (pattern) => invalid.push(pattern));
  it('are names, wildcards and regular expressions, as a JSON list or a text', () => {
    for (const stored of [
      '["a.b","sec-*","x?","^tmp[0-9]+$"]',
      'a.b, sec-*,x?,^tmp[0-9]+$',
      ['a.b', 'sec-*', 'x?', '^tmp[0-9]+$'],
    ]) {
      const test = blocked(stored);
      for (const name of ['a.b', 'sec-one', 'sec-', 'xy', 'tmp1']) assert.equal(test(name), true, name);
      for (const name of ['axb', 'A.b', 'my-sec-one', 'xyz', 'tmp', 'a tmp1']) assert.equal(test(name), false, name);
    }
    assert.deepEqual(invalid, []);
  });
  it('may be nonsense', () => {
    assert.equal(blocked('(,b')('b'), true);
    assert.equal(blocked(['('])('('), true);
    assert.deepEqual(invalid, ['(', '(']);
    for (const stored of [null, '', '{}', '[]', 7, [null, 3]]) assert.equal(blocked(stored)('x'), false);
    assert.equal(blocked([])('x'.repeat(300)), true);
  });
});

describe('the end of tokens', () => {
  it('is what the provider says, else an hour where they can be renewed, else never', () => {
    assert.equal(expiryOf({ expires_at: 500.9, expires_in: 10 }, 100), 500);
    assert.equal(expiryOf({ expires_in: 10 }, 100.5), 110);
    assert.equal(expiryOf({ expires_in: '10' }, 100), 110);
    assert.equal(expiryOf({ refresh_token: 'r' }, 100), 3_700);
    assert.equal(expiryOf({}, 100), 253_402_300_799);
  });
});
