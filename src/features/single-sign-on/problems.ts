import { detail, HttpError } from '../../kernel/http/errors.ts';

/**
 * Why somebody could not sign in. `reason` is for the log: a code or a fixed text, never what the provider or the browser
 * sent, as that may hold tokens and claims.
 */
export class SignInFailed extends Error {
  override readonly name = 'SignInFailed';
  readonly reason: string;
  /** What the person reads. */
  readonly shown: string;

  constructor(reason: string, shown: string = detail.OAUTH_LOGIN_FAILED) {
    super(reason);
    this.reason = reason;
    this.shown = shown;
  }
}

export interface Described {
  reason: string;
  shown: string;
  /** It is no refusal but a fault: of this program or of the database. */
  fault: unknown;
}

const SHOWN_STATUS = new Set([400, 403, 409]);

/** What of an error may be logged and shown. */
export function describeProblem(error: unknown): Described {
  if (error instanceof SignInFailed) return { reason: error.reason, shown: error.shown, fault: null };
  if (error instanceof HttpError) {
    const shown = SHOWN_STATUS.has(error.status) && typeof error.detail === 'string';
    return {
      reason: error.code ?? `answered ${error.status}`,
      shown: shown ? String(error.detail) : detail.OAUTH_LOGIN_FAILED,
      fault: error.status >= 500 ? error : null,
    };
  }
  const reason = providerProblem(error);
  return { reason: reason ?? 'unexpected', shown: detail.OAUTH_LOGIN_FAILED, fault: reason === null ? error : null };
}

/** A word for what the provider, its answer or the way to it was at fault; null where it was none of them. */
export function providerProblem(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const { code, error: said } = error as { code?: unknown; error?: unknown };
  if (typeof said === 'string') return `the provider answered ${word(said)}`;
  const known = typeof code === 'string' ? code : '';
  if (PROVIDER.test(known)) return known;
  if (NETWORK.has(error.name)) return error.name;
  // The library wraps what the network threw.
  return error.cause === undefined ? null : providerProblem(error.cause);
}

/** Codes of the protocol, of tokens, of the network, of TLS and of HTTP. */
const PROVIDER =
  /^(?:OAUTH_|ERR_J|ERR_ADDRESS_REFUSED|UND_ERR_|E[A-Z]+$|ERR_TLS|ERR_SSL|CERT_|DEPTH_|UNABLE_|SELF_SIGNED|HPE_|Z_)/;
const NETWORK = new Set(['TimeoutError', 'AbortError', 'BodyTooLarge']);

/** Error codes of the protocol; others are not repeated. */
function word(text: string): string {
  return /^[a-z_]{1,40}$/.test(text) ? text : 'an error';
}
