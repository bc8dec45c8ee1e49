/** Ends a call; the text is shown to the caller. */
export class CallError extends Error {
  override readonly name = 'CallError';
}

/** Texts of the call's protocol that clients show or compare (providers note, 15.4). */
export const texts = {
  FAILED: 'Voice connection failed',
  TIMED_OUT: 'Voice connection timed out',
  PROVIDER_CLOSED: 'Voice provider connection closed',
  DISABLED: 'Realtime calls are disabled',
  TOO_MUCH: 'Call limit reached. Start a new call.',
} as const;
