import { setImmediate } from 'node:timers/promises';

/** Milliseconds of work in a row after which everything else has its turn. */
const ROW_MS = 8;

/**
 * For loops over much that never wait by themselves: call the result after each step. It lets the event loop turn when the steps since
 * the last time have taken long.
 */
export function createBreath(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < ROW_MS) return;
    await setImmediate();
    since = performance.now();
  };
}
