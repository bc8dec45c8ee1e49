import assert from 'node:assert/strict';
import { TOTP } from 'otpauth';
import { type ApiClient, apiClient } from './client.ts';

const PERIOD = 30;

/** An authenticator app of one account. It offers the code of a time step once, as the server takes it once. */
export class Authenticator {
  readonly #totp: TOTP;
  #last = -1;

  constructor(manualKey: string) {
    this.#totp = new TOTP({ secret: manualKey, algorithm: 'SHA1', digits: 6, period: PERIOD });
  }

  /** A code the server takes now: two within half a minute, three early in it. */
  code(): string {
    const seconds = Date.now() / 1_000;
    const now = Math.floor(seconds / PERIOD);
    // The code before the current one is soon too old: it has to arrive in time.
    const first = seconds % PERIOD > PERIOD / 2 ? now : now - 1;
    const step = Math.max(this.#last + 1, first);
    if (step > now + 1) throw new Error('this authenticator has no unspent code now');
    this.#last = step;
    return this.#at(step);
  }

  /** Six digits that are no code of the steps around now. */
  wrong(): string {
    const now = Math.floor(Date.now() / 1_000 / PERIOD);
    const near = new Set(Array.from({ length: 9 }, (_, at) => this.#at(now - 4 + at)));
    for (let number = 0; ; number += 1) {
      const code = String(number).padStart(6, '0');
      if (!near.has(code)) return code;
    }
  }

  #at(step: number): string {
    return this.#totp.generate({ timestamp: step * PERIOD * 1_000 });
  }
}

export interface Challenge {
  next_step: string;
  challenge_token: string;
  expires_in: number;
}

/** The first factor, where a second one is asked for. */
export async function beginSignIn(
  { base }: Pick<ApiClient, 'base'>,
  { email, password }: { email: string; password: string },
): Promise<Challenge> {
  const answer = await apiClient(base).ok<Challenge>('POST', '/api/v1/auths/signin', { json: { email, password } });
  assert.equal(typeof answer.challenge_token, 'string', JSON.stringify(answer));
  return answer;
}

export interface EnrolledSession {
  app: Authenticator;
  /** Of the session. */
  token: string;
  codes: string[];
}

/** Signs in for the first time: sets an authenticator up. */
export async function enrol(
  server: Pick<ApiClient, 'base'>,
  who: { email: string; password: string },
): Promise<EnrolledSession> {
  const { challenge_token, next_step } = await beginSignIn(server, who);
  assert.equal(next_step, 'enroll');
  return confirm(server, challenge_token);
}

/** Goes on with a challenge that is there to set an authenticator up. */
export async function confirm(server: Pick<ApiClient, 'base'>, challengeToken: string): Promise<EnrolledSession> {
  const json = { challenge_token: challengeToken };
  const anyone = apiClient(server.base);
  const setup = await anyone.ok<{ manual_key: string }>('POST', '/api/v1/auths/mfa/enroll/start', { json });
  const app = new Authenticator(setup.manual_key);
  const done = await anyone.ok<{ token?: string; recovery_codes: string[] }>(
    'POST',
    '/api/v1/auths/mfa/enroll/confirm',
    { json: { ...json, code: app.code() } },
  );
  return { app, token: done.token ?? '', codes: done.recovery_codes };
}
