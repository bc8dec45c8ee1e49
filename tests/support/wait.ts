interface WaitOptions {
  /** How long at most. */
  ms?: number;
  /** Named in the error when time is over. */
  what?: string;
}

const POLL_MS = 20;

/**
 * Resolves with the first value of `condition` that is neither false, null nor undefined. An error it throws counts as "not
 * yet" and is the cause of the failure when time is over.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { ms = 15_000, what = 'the condition' }: WaitOptions = {},
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = Date.now() + ms;
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== false && value !== null && value !== undefined) {
        return value as Exclude<T, false | null | undefined>;
      }
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms for ${what}`, { cause });
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
