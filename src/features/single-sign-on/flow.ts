import { createHash, hkdfSync, randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EncryptJWT, errors, jwtDecrypt } from 'jose';
import { isObject } from '../../kernel/json.ts';
import { nowSeconds } from '../../kernel/time.ts';
import type { FlowChecks } from './client.ts';

/** A sign-in that has gone to the provider and not come back yet. */
export interface Flow extends FlowChecks {
  provider: string;
  /** On whose behalf, where somebody signed in here signs in elsewhere too. */
  userId?: string;
  /** Seconds since 1970. */
  expiresAt: number;
}

export interface FlowStart extends Pick<Flow, 'provider' | 'userId' | 'redirectUri' | 'verifier'> {
  /** The provider makes an id token, which repeats a nonce. */
  openid: boolean;
}

/** Keeps sign-ins under way in an encrypted cookie of the browser that began them. */
export interface Flows {
  begin(request: FastifyRequest, reply: FastifyReply, start: FlowStart): Promise<Flow>;
  /** The sign-in of this state, if this browser began it with this provider; it is forgotten with that. */
  end(request: FastifyRequest, reply: FastifyReply, provider: string, state: string): Promise<Flow | null>;
}

export interface FlowOptions {
  /** Every form of the server's secret; the first one encrypts. */
  secrets: readonly string[];
  cookie: { sameSite: 'lax' | 'none'; secure: boolean };
}

const COOKIE = 'owui-session';
const LIFETIME = 3_600;
/** Tabs of one browser that may be on their way at once; more would outgrow a cookie. */
const MOST = 4;

export function createFlows({ secrets, cookie }: FlowOptions): Flows {
  const keys = secrets.map(keyOf);
  const [first] = keys;
  if (!first) throw new Error('there is no secret to encrypt with');
  const key = first;

  async function read(request: FastifyRequest): Promise<Flow[]> {
    const text = request.cookies[COOKIE];
    if (!text) return [];
    for (const one of keys) {
      try {
        const { payload } = await jwtDecrypt(text, one, { contentEncryptionAlgorithms: ['A256GCM'] });
        return Array.isArray(payload.flows) ? payload.flows.filter(isFlow).filter(isLive) : [];
      } catch (error) {
        // Of an older key, of another program, or tampered with: no sign-in of ours.
        if (!(error instanceof errors.JOSEError)) throw error;
      }
    }
    return [];
  }

  const seal = (flows: readonly Flow[]): Promise<string> =>
    new EncryptJWT({ flows }).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(key);

  async function write(reply: FastifyReply, flows: readonly Flow[]): Promise<void> {
    const { sameSite, secure } = cookie;
    const base = { path: '/', httpOnly: true, sameSite, secure, encode: String };
    if (flows.length === 0) {
      reply.setCookie(COOKIE, '', { ...base, maxAge: 0 });
      return;
    }
    reply.setCookie(COOKIE, await seal(flows), { ...base, maxAge: LIFETIME });
  }

  return {
    async begin(request, reply, { openid, ...start }) {
      const nonce = openid ? random() : null;
      const flow: Flow = { ...start, state: random(), nonce, expiresAt: nowSeconds() + LIFETIME };
      await write(reply, [...(await read(request)), flow].slice(-MOST));
      return flow;
    },
    async end(request, reply, provider, state) {
      const flows = await read(request);
      const flow = flows.find((one) => one.state === state && one.provider === provider);
      if (!flow) return null;
      await write(
        reply,
        flows.filter((one) => one !== flow),
      );
      return flow;
    },
  };
}

/** What of a sign-in is kept to know it again. */
export function flowId({ state }: Pick<Flow, 'state'>): string {
  return createHash('sha256').update(state).digest('base64url');
}

function keyOf(secret: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, '', 'loggia sign-in', 32));
}

function random(): string {
  return randomBytes(32).toString('base64url');
}

function isLive({ expiresAt }: Flow): boolean {
  return expiresAt > nowSeconds();
}

function isFlow(value: unknown): value is Flow {
  if (!isObject(value)) return false;
  const { provider, userId, state, redirectUri, nonce, verifier, expiresAt } = value;
  return (
    [provider, state, redirectUri].every((one) => typeof one === 'string') &&
    (userId === undefined || typeof userId === 'string') &&
    [nonce, verifier].every((one) => one === null || typeof one === 'string') &&
    typeof expiresAt === 'number'
  );
}
