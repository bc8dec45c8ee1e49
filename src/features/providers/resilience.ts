import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { HttpError } from '../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { Connection } from './connections.ts';
import type { ModelEntry } from './types.ts';

/** What is done about a provider that fails: nothing, unless settings or `resilience` of the connection say so. */
export interface ResilienceRules {
  /** Milliseconds until the head of an answer; null: no limit. */
  firstByteMs: number | null;
  /** How often a request goes out again. */
  retries: number;
  /** Milliseconds before the first of these; each further wait is twice as long. */
  delayMs: number;
  /** Other connections with the same model take over. */
  fallback: boolean;
  /** Failures in a row after which the connection rests; 0: it never does. */
  breakAfter: number;
  /** Milliseconds of this rest. */
  restMs: number;
  /** All keys of the connection, its own first. */
  keys: readonly string[];
}

/** A connection that can answer, with the model as it lists it. */
export interface Choice<Entry extends ModelEntry | null = ModelEntry | null> {
  connection: Connection;
  entry: Entry;
}

/** What became of an attempt. `refused`: nobody listens there. */
export type Problem = { status: number; headers: Record<string, string> } | { error: unknown; refused?: boolean };

/** The attempts of one request. */
export interface Tries<Entry extends ModelEntry | null> {
  /** Where it goes now; the connection has the key to use. */
  readonly current: Choice<Entry>;
  /** Ends this attempt: the caller's signal, or the time until the head of the answer. */
  readonly signal: AbortSignal;
  /** The head of a good answer is there. */
  answered(): void;
  /** Waits until the next attempt is due; false: the problem is final. Throws the caller's reason when that gives up. */
  again(problem: Problem): Promise<boolean>;
}

/** How a connection does at the moment. */
export interface ConnectionState {
  kind: Connection['kind'];
  index: number;
  url: string;
  /** Failures since it last answered. */
  failures: number;
  /** Milliseconds it still rests. */
  resting_ms: number;
  /** Keys that are not used for a while. */
  cooling_keys: number;
}

export interface Resilience {
  /** Throws HttpError 503 when all that could answer rest. */
  begin<Entry extends ModelEntry | null>(choices: readonly Choice<Entry>[], signal: AbortSignal): Tries<Entry>;
  /** Connections that have failed and not answered since. */
  states(): ConnectionState[];
}

interface State {
  connection: Connection;
  failures: number;
  restsUntil: number;
  /** When a key may be used again, by its hash. */
  cooling: Map<string, number>;
}

const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504, 529]);
const KEY_REFUSED = new Set([401, 403, 429]);
/** Milliseconds a key is left alone: after too many requests, and after it was refused. */
const COOL_MS = 30_000;
const REFUSED_MS = 600_000;
/** Nobody waits longer for a provider that names a time itself. */
const LONGEST_WAIT_MS = 30_000;

export interface ResilienceDeps {
  settings: Pick<Settings, 'get'>;
  log: Pick<Log, 'warn' | 'info'>;
  /** Milliseconds on a clock that never goes back. */
  now?: () => number;
}

export function createResilience({ settings, log, now = () => performance.now() }: ResilienceDeps): Resilience {
  const states = new Map<string, State>();

  function stateOf(connection: Connection): State {
    const key = `${connection.kind} ${connection.index}`;
    const known = states.get(key);
    if (known?.connection.fingerprint === connection.fingerprint) return known;
    const fresh: State = { connection, failures: 0, restsUntil: 0, cooling: new Map() };
    states.set(key, fresh);
    return fresh;
  }

  function failed(connection: Connection, rules: ResilienceRules): void {
    const state = stateOf(connection);
    state.failures += 1;
    if (rules.breakAfter === 0 || state.failures < rules.breakAfter) return;
    state.restsUntil = now() + rules.restMs;
    log.warn({ url: connection.url, failures: state.failures, ms: rules.restMs }, 'a provider fails and is let rest');
  }

  function answered(connection: Connection): void {
    const state = stateOf(connection);
    if (state.restsUntil > 0) log.info({ url: connection.url }, 'a provider that rested answers again');
    state.failures = 0;
    state.restsUntil = 0;
  }

  function warmKey({ cooling }: State, { keys }: ResilienceRules): string | null {
    return keys.find((key) => (cooling.get(hashOf(key)) ?? 0) <= now()) ?? null;
  }

  function begin<Entry extends ModelEntry | null>(
    choices: readonly Choice<Entry>[],
    signal: AbortSignal,
  ): Tries<Entry> {
    const left = [...choices];
    const rulesOf = (connection: Connection) => rulesFor(connection, settings);
    const rests = ({ connection }: Choice<Entry>) => stateOf(connection).restsUntil > now();
    let { choice, rules } = next() ?? resting(choices, now, stateOf);
    let key = keyFor();
    let tried = 0;
    let head = watch();

    /** The first one that does not rest; one whose rest is over is tried by this request alone. */
    function next(): { choice: Choice<Entry>; rules: ResilienceRules } | null {
      for (let found = left.shift(); found; found = left.shift()) {
        const found_rules = rulesOf(found.connection);
        if (rests(found)) {
          if (!found_rules.fallback) left.length = 0;
          continue;
        }
        const state = stateOf(found.connection);
        if (state.restsUntil > 0) state.restsUntil = now() + found_rules.restMs;
        return { choice: found, rules: found_rules };
      }
      return null;
    }

    function keyFor(): string {
      return warmKey(stateOf(choice.connection), rules) ?? choice.connection.key;
    }

    function watch() {
      const { firstByteMs } = rules;
      if (firstByteMs === null) return { signal, stop() {} };
      const controller = new AbortController();
      const reason = new DOMException('The provider did not begin its answer in the time allowed.', 'TimeoutError');
      const timer = setTimeout(() => controller.abort(reason), firstByteMs);
      return { signal: AbortSignal.any([signal, controller.signal]), stop: () => clearTimeout(timer) };
    }

    async function step(problem: Problem): Promise<boolean> {
      const status = 'status' in problem ? problem.status : null;
      const asked = 'status' in problem ? retryAfter(problem.headers) : null;
      const isTransient = status === null || TRANSIENT.has(status);
      const state = stateOf(choice.connection);
      if (isTransient && status !== 429) failed(choice.connection, rules);
      if (status !== null && KEY_REFUSED.has(status) && rules.keys.length > 1) {
        state.cooling.set(hashOf(key), now() + (asked ?? (status === 429 ? COOL_MS : REFUSED_MS)));
        const other = warmKey(state, rules);
        if (other !== null) {
          key = other;
          return true;
        }
      }
      if (!isTransient) return false;
      const refused = 'refused' in problem && problem.refused === true;
      if (!refused && tried < rules.retries && !rests(choice)) {
        const delay = asked ?? rules.delayMs * 2 ** tried * (0.75 + Math.random() / 2);
        tried += 1;
        await pause(Math.min(delay, LONGEST_WAIT_MS), undefined, { signal }).catch(() => signal.throwIfAborted());
        return true;
      }
      if (!refused && !rules.fallback) return false;
      const other = next();
      if (!other) return false;
      ({ choice, rules } = other);
      key = keyFor();
      tried = 0;
      return true;
    }

    return {
      get current() {
        return key === choice.connection.key ? choice : { ...choice, connection: { ...choice.connection, key } };
      },
      get signal() {
        return head.signal;
      },
      answered() {
        head.stop();
        answered(choice.connection);
      },
      async again(problem) {
        head.stop();
        if (!(await step(problem))) return false;
        head = watch();
        return true;
      },
    };
  }

  return {
    begin,
    states: () =>
      [...states.values()].flatMap(({ connection, failures, restsUntil, cooling }) => {
        const cooling_keys = [...cooling.values()].filter((until) => until > now()).length;
        const resting_ms = Math.max(0, Math.round(restsUntil - now()));
        if (failures === 0 && cooling_keys === 0) return [];
        const { kind, index, url } = connection;
        return [{ kind, index, url, failures, resting_ms, cooling_keys }];
      }),
  };
}

function resting<Entry extends ModelEntry | null>(
  choices: readonly Choice<Entry>[],
  now: () => number,
  stateOf: (connection: Connection) => State,
): never {
  const soonest = Math.min(...choices.map(({ connection }) => stateOf(connection).restsUntil));
  const seconds = Math.max(1, Math.ceil((soonest - now()) / 1_000));
  throw new HttpError(503, 'The provider of this model does not answer at the moment. Please try again later.', {
    code: 'provider.resting',
    headers: { 'retry-after': String(seconds) },
  });
}

/** The settings, and over them what the connection says itself. Odd values count as absent. */
function rulesFor({ key, config }: Connection, settings: Pick<Settings, 'get'>): ResilienceRules {
  const own: JsonObject = isObject(config.resilience) ? config.resilience : {};
  const number = (value: unknown, otherwise: number) =>
    typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : otherwise;
  const firstByte = number(own.first_byte_timeout, settings.get('PROVIDER_FIRST_BYTE_TIMEOUT') ?? 0);
  const more = Array.isArray(own.keys) ? own.keys.filter((one) => typeof one === 'string' && one !== '') : [];
  return {
    firstByteMs: firstByte > 0 ? firstByte * 1_000 : null,
    retries: Math.min(number(own.retries, settings.get('PROVIDER_RETRIES')), 10),
    delayMs: number(own.retry_delay, settings.get('PROVIDER_RETRY_DELAY')) * 1_000,
    fallback: typeof own.fallback === 'boolean' ? own.fallback : settings.get('PROVIDER_FALLBACK'),
    breakAfter: number(own.rest_after, settings.get('PROVIDER_REST_AFTER')),
    restMs: number(own.rest, settings.get('PROVIDER_REST')) * 1_000,
    keys: more.length === 0 ? [key] : [...new Set([...(key === '' ? [] : [key]), ...(more as string[])])],
  };
}

/** Milliseconds a provider asks to wait (RFC 9110, 10.2.3; and its finer form in milliseconds). */
function retryAfter(headers: Record<string, string>): number | null {
  const milliseconds = Number(headers['retry-after-ms'] || Number.NaN);
  if (milliseconds >= 0) return milliseconds;
  const text = headers['retry-after'];
  if (!text) return null;
  const seconds = Number(text);
  if (seconds >= 0) return seconds * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}
