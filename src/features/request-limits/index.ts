import { isIPv6 } from 'node:net';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { RequestLimits } from '../../kernel/http/run-route.ts';
import type { Settings } from '../../kernel/settings/index.ts';
import { createRateLimiter, type RateLimiter, type SharedCounts } from '../accounts/index.ts';
import { type CallClass, classOf } from './classes.ts';

interface Limiter {
  limiter: RateLimiter;
  /** Seconds. */
  window: number;
}

/** Limits of costly calls, for accounts and for addresses; null where the operator has set none. */
export function createRequestLimits(settings: Settings, shared: SharedCounts): RequestLimits | null {
  const limiterOf = (name: Parameters<Settings['get']>[0] & `RATE_LIMIT_${string}`): Limiter | null => {
    const rate = settings.get(name);
    // The minute that runs is one of the window's.
    return (
      rate && { limiter: createRateLimiter({ ...rate, window: rate.window - 60, ...shared }), window: rate.window }
    );
  };
  const accounts: Record<CallClass, Limiter | null> = {
    COMPLETIONS: limiterOf('RATE_LIMIT_COMPLETIONS'),
    MEDIA: limiterOf('RATE_LIMIT_MEDIA'),
    UPLOADS: limiterOf('RATE_LIMIT_UPLOADS'),
    SEARCHES: limiterOf('RATE_LIMIT_SEARCHES'),
    TRANSFERS: limiterOf('RATE_LIMIT_TRANSFERS'),
    SIGN_IN: null,
  };
  const addresses: Record<CallClass, Limiter | null> = {
    COMPLETIONS: limiterOf('RATE_LIMIT_COMPLETIONS_PER_ADDRESS'),
    MEDIA: limiterOf('RATE_LIMIT_MEDIA_PER_ADDRESS'),
    UPLOADS: limiterOf('RATE_LIMIT_UPLOADS_PER_ADDRESS'),
    SEARCHES: limiterOf('RATE_LIMIT_SEARCHES_PER_ADDRESS'),
    TRANSFERS: limiterOf('RATE_LIMIT_TRANSFERS_PER_ADDRESS'),
    SIGN_IN: limiterOf('RATE_LIMIT_SIGN_IN_PER_ADDRESS'),
  };
  if (![...Object.values(accounts), ...Object.values(addresses)].some((one) => one !== null)) return null;
  return {
    of(route) {
      const kind = classOf(route);
      const account = kind && accounts[kind];
      const address = kind && addresses[kind];
      if (!account && !address) return null;
      return async ({ ip }, user) => {
        if (address) await assertWithin(address, `calls:${kind}:ip:${networkOf(ip)}`);
        if (account && user) await assertWithin(account, `calls:${kind}:user:${user.id}`);
      };
    },
  };
}

async function assertWithin({ limiter, window }: Limiter, key: string): Promise<void> {
  if (!(await limiter.isLimited(key))) return;
  // Counts are kept by the minute: nothing changes before the next one.
  const wait = 60 - (Math.floor(Date.now() / 1_000) % 60);
  throw new HttpError(429, detail.RATE_LIMIT_EXCEEDED, {
    code: 'rate-limit',
    headers: { 'retry-after': String(Math.min(wait, window)) },
  });
}

/** Who has an IPv6 address has the 2^64 beside it too. */
export function networkOf(ip: string): string {
  if (!isIPv6(ip)) return ip;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = ip.toLowerCase().split('%', 1)[0]?.split('::') ?? [];
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - before.length - after.length }, () => '0');
  const groups = [...before, ...zeros, ...after].slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${groups.join(':')}::/64`;
}
