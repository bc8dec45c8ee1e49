/** The commands this feature sends to Redis; `ioredis` clients fit. */
export interface RedisCommands {
  mget(...keys: string[]): Promise<(string | null)[]>;
  set(key: string, value: string, unit: 'EX', seconds: number): Promise<unknown>;
  incr(key: string): Promise<number>;
  expire(key: string, seconds: number): Promise<unknown>;
}

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
