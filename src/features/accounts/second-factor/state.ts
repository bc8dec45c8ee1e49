import { randomUUID } from 'node:crypto';
import { HttpError } from '../../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';

const CHALLENGE_TYPES = ['enroll', 'verify', 'replace', 'recover'] as const;
export type ChallengeType = (typeof CHALLENGE_TYPES)[number];

/** One begun sign-in or replacement; only the hash of its token is kept. Times in seconds. */
export interface Challenge {
  token_hash: string;
  type: ChallengeType;
  expires_at: number;
  attempts: number;
  auth_method: string;
  auth_time: number;
  session_stamp: string | null;
  /** Encrypted; the secret being set up. */
  secret: string | null;
  oauth_session_id: string | null;
  provider: string | null;
}

export type LimitName = 'password' | 'factor';

interface Window {
  count: number;
  /** Seconds. */
  expires_at: number;
}

/**
 * An account's second factor as column `auth.mfa` holds it (identity note, 7.1). Earlier releases refuse the whole state for
 * one member they do not know, so exactly these are written.
 */
export interface SecondFactorState {
  /** Another one after each write: earlier releases compare it. */
  revision: string;
  /** Encrypted; null before the set-up. */
  secret: string | null;
  /** The last time step a code was taken for; that one and older ones are spent. */
  last_step: number;
  recovery_hashes: string[];
  login_challenge: Challenge | null;
  manage_challenge: Challenge | null;
  reset_required: boolean;
  reset_ticket: { token_hash: string; expires_at: number } | null;
  limits: Partial<Record<LimitName, Window>>;
}

/** What an account has before its first sign-in with a second factor. */
export function emptyState(): SecondFactorState {
  return {
    revision: randomUUID(),
    secret: null,
    last_step: -1,
    recovery_hashes: [],
    login_challenge: null,
    manage_challenge: null,
    reset_required: false,
    reset_ticket: null,
    limits: {},
  };
}

/** What is stored, read. Throws 503 where it is no such state: nobody gets in by a factor that cannot be checked. */
export function readState(stored: unknown): SecondFactorState {
  const state = parseState(stored);
  if (state) return state;
  throw new HttpError(503, 'Authentication is temporarily unavailable.', { code: 'second-factor.unreadable' });
}

/** The state to store after a change; it gets a revision of its own. */
export function changedState(state: SecondFactorState, changes: Partial<SecondFactorState>): SecondFactorState {
  return { ...state, ...changes, revision: randomUUID() };
}

/**
 * The stored state without what was begun and not finished, as every change of credentials leaves it; null where there is
 * nothing to write: no state, or none that can be read.
 */
export function withoutChallenges(stored: unknown): SecondFactorState | null {
  const state = stored === null || stored === undefined ? null : parseState(stored);
  return state && changedState(state, { login_challenge: null, manage_challenge: null, reset_ticket: null });
}

/** Whether the account has given a second factor that counts. */
export function isEnrolled(stored: unknown): boolean {
  // Asked with every request, so nothing but the two members is looked at.
  return (
    isObject(stored) && isText(stored.secret) && stored.secret !== '' && (stored.reset_required ?? false) === false
  );
}

const absent = (value: unknown): value is null | undefined => value === null || value === undefined;
const isText = (value: unknown): value is string => typeof value === 'string';
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);

/** Null for anything but a state; absent members have their first value. */
function parseState(stored: unknown): SecondFactorState | null {
  if (absent(stored)) return emptyState();
  if (!isObject(stored)) return null;
  const first = emptyState();
  const members = Object.entries(first).map(([name, value]) => [name, stored[name] ?? value]);
  const given = Object.fromEntries(members) as JsonObject;
  const login = parseOptional(given.login_challenge, parseChallenge);
  const manage = parseOptional(given.manage_challenge, parseChallenge);
  const ticket = parseOptional(given.reset_ticket, parseTicket);
  const limits = parseLimits(given.limits);
  const { revision, secret, last_step, recovery_hashes, reset_required } = given;
  if (login === undefined || manage === undefined || ticket === undefined || limits === null) return null;
  if (!isText(revision) || !(secret === null || isText(secret)) || !isWhole(last_step)) return null;
  if (!Array.isArray(recovery_hashes) || !recovery_hashes.every(isText)) return null;
  if (typeof reset_required !== 'boolean') return null;
  return {
    revision,
    secret,
    last_step,
    recovery_hashes,
    login_challenge: login,
    manage_challenge: manage,
    reset_required,
    reset_ticket: ticket,
    limits,
  };
}

/** Undefined: there is something, and it is not what it should be. */
function parseOptional<T>(value: unknown, parse: (value: JsonObject) => T | null): T | null | undefined {
  if (absent(value)) return null;
  return (isObject(value) ? parse(value) : null) ?? undefined;
}

function parseChallenge(value: JsonObject): Challenge | null {
  const { token_hash, type, expires_at, attempts = 0, auth_method, auth_time } = value;
  const optional = [value.session_stamp, value.secret, value.oauth_session_id, value.provider];
  if (!isText(token_hash) || !isWhole(expires_at) || !isWhole(attempts)) return null;
  if (!isText(auth_method) || !isWhole(auth_time)) return null;
  const known = CHALLENGE_TYPES.find((one) => one === type);
  if (!known || !optional.every((member) => absent(member) || isText(member))) return null;
  const [session_stamp, secret, oauth_session_id, provider] = optional.map((member) =>
    isText(member) ? member : null,
  );
  return {
    token_hash,
    type: known,
    expires_at,
    attempts,
    auth_method,
    auth_time,
    session_stamp: session_stamp ?? null,
    secret: secret ?? null,
    oauth_session_id: oauth_session_id ?? null,
    provider: provider ?? null,
  };
}

function parseTicket({ token_hash, expires_at }: JsonObject): SecondFactorState['reset_ticket'] {
  return isText(token_hash) && isWhole(expires_at) ? { token_hash, expires_at } : null;
}

function parseLimits(value: unknown): SecondFactorState['limits'] | null {
  if (!isObject(value)) return null;
  const limits: SecondFactorState['limits'] = {};
  for (const name of ['password', 'factor'] as const) {
    const window = value[name];
    if (absent(window)) continue;
    if (!isObject(window) || !isWhole(window.count) || !isWhole(window.expires_at)) return null;
    limits[name] = { count: window.count, expires_at: window.expires_at };
  }
  return limits;
}
