export type { RedisCommands } from '../../kernel/redis.ts';

const LOG_EVERY_MS = 60_000;

/** Reports failures of an optional Redis at most once a minute. */
export function createThrottledWarning(warn: (error: unknown) => void): (error: unknown) => void {
  let quietUntil = 0;
  return (error) => {
    if (performance.now() < quietUntil) return;
    quietUntil = performance.now() + LOG_EVERY_MS;
    warn(error);
  };
}
