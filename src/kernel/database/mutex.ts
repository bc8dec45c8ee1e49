export interface Mutex {
  /** Waits for its turn, first come first served; call the result once to let the next one in. */
  lock(): Promise<() => void>;
}

export function createMutex(): Mutex {
  let last: Promise<void> | undefined;
  return {
    async lock() {
      const before = last;
      let unlock = (): void => {};
      const mine = new Promise<void>((resolve) => {
        unlock = resolve;
      });
      last = mine;
      if (before) await before;
      return () => {
        if (last === mine) last = undefined;
        unlock();
      };
    },
  };
}
