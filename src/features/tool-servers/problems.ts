/** A failure of the way to a server, told to models and users: without addresses, which are nobody's business. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

const NETWORK =
  /^(?:E[A-Z_]+|UND_ERR_\w+|CERT_\w+|DEPTH_\w+|UNABLE_\w+|SELF_SIGNED\w*|ERR_TLS\w*|ERR_ADDRESS_REFUSED)$/;

/** Runs a call of a server; what the network threw becomes a text that can be shown. */
export async function reaching<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await work;
  } catch (error) {
    signal.throwIfAborted();
    const text = networkText(error, 0);
    throw text === null ? error : new Unreachable(text, { cause: error });
  }
}

const DEEPEST = 4;

function networkText(error: unknown, depth: number): string | null {
  if (!(error instanceof Error) || depth > DEEPEST) return null;
  if (error.name === 'TimeoutError') return 'The tool server did not answer in time.';
  if ('code' in error && typeof error.code === 'string' && NETWORK.test(error.code)) {
    return 'The tool server cannot be reached.';
  }
  return networkText(error.cause, depth + 1);
}
