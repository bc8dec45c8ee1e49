/** Runs work with at most `atOnce` under way; more than `waiting` others are turned away with what `full` gives. */
export function createLimiter(atOnce: number, waiting: number, full: () => Error) {
  const queue: (() => void)[] = [];
  let running = 0;
  return async function limited<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (running >= atOnce) {
      if (queue.length >= waiting) throw full();
      await turn(signal);
    } else running += 1;
    try {
      signal?.throwIfAborted();
      return await work();
    } finally {
      const next = queue.shift();
      if (next) next();
      else running -= 1;
    }
  };

  /** Resolves when a place is handed over. */
  function turn(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        const at = queue.indexOf(enter);
        if (at >= 0) queue.splice(at, 1);
        reject(signal?.reason);
      };
      queue.push(enter);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }
}
