import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Options } from '@node-rs/argon2';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { AccountOptions } from './options.ts';

const BCRYPT_BYTES = 72;
const BCRYPT_COST = 12;

export interface Passwords {
  hash(password: string): Promise<string>;
  /** False for a wrong password and for a stored text that is no hash. */
  verify(password: string, stored: string): Promise<boolean>;
  /** Takes as long as `verify`; for accounts that do not exist. Always false. */
  verifyNothing(password: string): Promise<false>;
  /** Throws 400 where a new password breaks the rules (identity note, 10.1). */
  assertAcceptable(password: string): void;
}

/** Password hashing in the thread pool, a few at a time, so that neither the event loop nor file access waits for it. */
export function createPasswords({ passwords: options }: Pick<AccountOptions, 'passwords'>): Passwords {
  const limited = createLimit(Math.max(1, Math.min(3, availableParallelism() - 1)), 500);
  const rule = options.pattern && anchored(options.pattern);
  /** A hash nobody knows the password of: checking it takes as long as a real one. */
  let placeholder: Promise<string> | undefined;
  return {
    hash: (password) => limited(() => hash(password, options.algorithm)),
    verify: (password, stored) => limited(() => verify(password, stored)),
    async verifyNothing(password) {
      placeholder ??= limited(() => hash(randomUUID(), options.algorithm));
      const stored = await placeholder;
      await limited(() => verify(password, stored));
      return false;
    },
    assertAcceptable(password) {
      if (options.algorithm === 'bcrypt' && Buffer.byteLength(password) > BCRYPT_BYTES) {
        throw new HttpError(400, detail.PASSWORD_TOO_LONG);
      }
      if (rule && !rule.test(password)) throw new HttpError(400, options.hint || detail.INVALID_PASSWORD);
    },
  };
}

/** The pattern counts from the start of the password, but need not reach its end. */
function anchored({ source, flags }: RegExp): RegExp {
  return new RegExp(`^(?:${source})`, flags.replace(/[gy]/g, ''));
}

/** bcrypt looks at 72 bytes; longer passwords of earlier releases still verify by those. */
function bcryptBytes(password: string): Buffer {
  return Buffer.from(password).subarray(0, BCRYPT_BYTES);
}

async function verify(password: string, stored: string): Promise<boolean> {
  if (stored === '') return false;
  try {
    if (/^\$argon2(?:id|i|d)\$/.test(stored)) {
      const argon2 = await import('@node-rs/argon2');
      return await argon2.verify(stored, password);
    }
    if (!/^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(stored)) return false;
    const { default: bcrypt } = await import('bcrypt');
    return await bcrypt.compare(bcryptBytes(password), stored.replace(/^\$2y\$/, '$2b$'));
  } catch (error) {
    if (error instanceof Error && /hash|salt|decod|invalid/i.test(error.message)) return false;
    throw error;
  }
}

async function hash(password: string, algorithm: string): Promise<string> {
  if (algorithm === 'argon2') {
    const argon2 = await import('@node-rs/argon2');
    const options: Options = { memoryCost: 65_536, timeCost: 3, parallelism: 4, outputLen: 32 };
    return argon2.hash(password, options);
  }
  if (algorithm !== 'bcrypt') throw new Error(`PASSWORD_HASH_ALGORITHM: "${algorithm}" is neither bcrypt nor argon2`);
  const { default: bcrypt } = await import('bcrypt');
  return bcrypt.hash(bcryptBytes(password), BCRYPT_COST);
}

/** Runs at most `running` at once; refuses when more than `waiting` wait, so that a flood cannot fill the memory. */
function createLimit(running: number, waiting: number): <T>(work: () => Promise<T>) => Promise<T> {
  let active = 0;
  const queue: (() => void)[] = [];
  return async (work) => {
    if (active >= running) {
      if (queue.length >= waiting) throw new HttpError(503, 'Authentication is temporarily unavailable.');
      await new Promise<void>((resolve) => queue.push(resolve));
    } else active += 1;
    try {
      return await work();
    } finally {
      // The place passes to the next in line without being given up.
      const next = queue.shift();
      if (next) next();
      else active -= 1;
    }
  };
}
