import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HttpError } from '../../../kernel/http/errors.ts';
import { acceptedStep, newRecoveryCodes, newSecret, recoveryHash, setupPicture } from './codes.ts';
import { countAttempt } from './limits.ts';
import { createSecretBox } from './secrets.ts';
import { emptyState, isEnrolled, readState, withoutChallenges } from './state.ts';

const KEY = 'test-secret-key-0123456789abcdef';
/** Written by Python's `cryptography`, as earlier releases do, with the key derived from KEY. */
const STORED =
  'gAAAAABrBzGt-rIyhVUhH_OhfR1tDJTBeBGs3oae__l0OSdqPXf2mrqBjQVagscO_UZVACWNP4Tmobv0dRMamkd_PwyUBAm9pbnQfcmRnCnkyvjlC2zt0Z-_1h3_lfXeiFcn81QqP459';
const DERIVED = 'bxKsCs0z940NFWBwstIE9P1wO2EDGLcjiQqs8SotPe4=';

describe('secrets of authenticators', () => {
  it('are read as earlier releases wrote them, by any form of the key', () => {
    assert.equal(createSecretBox(null, [KEY]).read(STORED), 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP');
    assert.equal(createSecretBox(null, ['other', KEY]).read(STORED), 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP');
    const given = createSecretBox(DERIVED, ['other']);
    assert.equal(given.read(STORED), 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP');
    assert.equal(createSecretBox(null, [KEY]).read(given.encrypt('x')), 'x');
  });

  it('are not to be had with another key', () => {
    const other = createSecretBox(null, ['other']);
    assert.equal(other.read(STORED), null);
    assert.throws(
      () => other.decrypt(STORED),
      (error) => error instanceof HttpError && error.status === 503,
    );
    assert.throws(() => createSecretBox('short', [KEY]), /MFA_ENCRYPTION_KEY/);
  });
});

describe('codes', () => {
  // The secret and the times of RFC 6238, with the last six of its eight digits.
  const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
  const VECTORS: [number, string][] = [
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
  ];

  it('are those of the standard, half a minute early or late too, and never twice', async () => {
    for (const [time, code] of VECTORS) {
      const step = Math.floor(time / 30);
      assert.equal(await acceptedStep(SECRET, code, -1, time), step);
      assert.equal(await acceptedStep(SECRET, code, -1, time - 30), step);
      assert.equal(await acceptedStep(SECRET, code, -1, time + 30), step);
      assert.equal(await acceptedStep(SECRET, code, -1, time + 61), null);
      assert.equal(await acceptedStep(SECRET, code, -1, time - 61), null);
      assert.equal(await acceptedStep(SECRET, code, step - 1, time), step);
      assert.equal(await acceptedStep(SECRET, code, step, time), null);
    }
  });

  it('are six digits of ASCII and nothing else', async () => {
    for (const code of ['', '28708', '2870822', '287 82', '-87082', '２８７０８２', '287082\n']) {
      assert.equal(await acceptedStep(SECRET, code, -1, 59), null, code);
    }
  });

  it('come of new secrets that apps can scan', async () => {
    const secret = await newSecret();
    assert.match(secret, /^[A-Z2-7]{32}$/);
    assert.notEqual(secret, await newSecret());
    const [head, picture = ''] = (await setupPicture(secret, 'ada@example.com')).split(',');
    assert.equal(head, 'data:image/svg+xml;base64');
    assert.match(Buffer.from(picture, 'base64').toString(), /^<svg .*<\/svg>$/s);
    const { codes, hashes } = newRecoveryCodes();
    assert.equal(new Set(codes).size, 10);
    assert.deepEqual(
      codes.map((code) => recoveryHash(` ${code.toUpperCase()}\n`)),
      hashes,
    );
  });
});

describe('the stored state', () => {
  it('is read with what is missing, and refused where it is something else', () => {
    const { revision: _one, ...first } = emptyState();
    for (const stored of [null, undefined, {}]) {
      const { revision: _other, ...state } = readState(stored);
      assert.deepEqual(state, first);
    }
    const challenge = { token_hash: 'x', type: 'verify', expires_at: 1, auth_method: 'password', auth_time: 1 };
    assert.equal(readState({ login_challenge: challenge }).login_challenge?.attempts, 0);
    const odd: unknown[] = [
      'text',
      [],
      { secret: 5 },
      { last_step: '7' },
      { recovery_hashes: [1] },
      { reset_required: 'yes' },
      { limits: { factor: { count: 'many', expires_at: 1 } } },
      { login_challenge: { ...challenge, type: 'other' } },
      { login_challenge: { ...challenge, attempts: -0.5 } },
      { reset_ticket: { token_hash: 1 } },
    ];
    for (const stored of odd) {
      assert.throws(
        () => readState(stored),
        (error) => error instanceof HttpError && error.status === 503,
        JSON.stringify(stored),
      );
      assert.equal(withoutChallenges(stored), null);
    }
  });

  it('lets in only who has a secret and no reset open', () => {
    assert.equal(isEnrolled({ secret: 's' }), true);
    for (const stored of [
      null,
      {},
      { secret: null },
      { secret: '' },
      { secret: 5 },
      { secret: 's', reset_required: true },
      { secret: 's', reset_required: 'true' },
    ]) {
      assert.equal(isEnrolled(stored), false, JSON.stringify(stored));
    }
  });

  it('counts attempts in windows of a quarter of an hour', () => {
    let state = emptyState();
    const seen = new Set([state.revision]);
    for (let at = 0; at < 10; at += 1) {
      const counted = countAttempt(state, 'factor', 1_000 + at);
      assert.ok('state' in counted);
      state = counted.state;
      seen.add(state.revision);
    }
    assert.equal(seen.size, 11);
    assert.deepEqual(state.limits, { factor: { count: 10, expires_at: 1_900 } });
    const over = countAttempt(state, 'factor', 1_100);
    assert.ok('throttled' in over);
    assert.deepEqual([over.throttled.status, over.throttled.headers], [429, { 'retry-after': '800' }]);
    assert.ok('state' in countAttempt(state, 'password', 1_100));
    assert.ok('state' in countAttempt(state, 'factor', 1_900));
  });
});
