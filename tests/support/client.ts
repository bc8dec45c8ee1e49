import assert from 'node:assert/strict';
import type { TestServer } from './server.ts';

export interface Answer {
  status: number;
  headers: Headers;
  /** Decoded when the answer is JSON, else its text. */
  body: unknown;
}

interface CallOptions {
  json?: unknown;
  form?: FormData;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** An API client, anonymous or signed in. */
export interface ApiClient {
  base: string;
  token: string | null;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Like `call`, and fails the test unless the status is 200; gives the body. */
  ok<T = Record<string, unknown>>(method: string, path: string, options?: CallOptions): Promise<T>;
}

export interface Account extends ApiClient {
  token: string;
  id: string;
  email: string;
  password: string;
  name: string;
  role: string;
}

/** `token: null` is anonymous. */
export function apiClient(base: string, token: string | null = null): ApiClient {
  async function call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const url = new URL(path, base);
    for (const [key, value] of Object.entries(options.query ?? {})) url.searchParams.set(key, value);
    const answer = await fetch(url, {
      method,
      redirect: 'manual',
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(options.json === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.json === undefined ? {} : { body: JSON.stringify(options.json) }),
      ...(options.form ? { body: options.form } : {}),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    const text = await answer.text();
    const isJson = /[/+]json/.test(answer.headers.get('content-type') ?? '');
    return { status: answer.status, headers: answer.headers, body: isJson && text !== '' ? JSON.parse(text) : text };
  }
  return {
    base,
    token,
    call,
    async ok<T>(method: string, path: string, options?: CallOptions) {
      const { status, body } = await call(method, path, options);
      assert.equal(status, 200, `${method} ${path}: ${JSON.stringify(body)}`);
      return body as T;
    },
  };
}

interface Person {
  name?: string;
  email?: string;
  password?: string;
}

/** Signs up; the first account of a server is its administrator. */
export async function signUp({ base }: Pick<TestServer, 'base'>, person: Person = {}): Promise<Account> {
  const { name = 'Ada Admin', email = 'ada@example.com', password = 'Correct-horse-1' } = person;
  const session = await apiClient(base).ok<Session>('POST', '/api/v1/auths/signup', {
    json: { name, email, password },
  });
  return account(base, session, password);
}

export async function signIn({ base }: Pick<TestServer, 'base'>, email: string, password: string): Promise<Account> {
  const session = await apiClient(base).ok<Session>('POST', '/api/v1/auths/signin', { json: { email, password } });
  return account(base, session, password);
}

/** An account made by an administrator, signed in. */
export async function addAccount(admin: Account, label: string, role = 'user'): Promise<Account> {
  const [email, password] = [`${label}@example.com`, 'Battery-staple-2'];
  await admin.ok('POST', '/api/v1/auths/add', { json: { name: `${label} Example`, email, password, role } });
  return signIn(admin, email, password);
}

/** The same with the session its maker is given: saves the sign-in, whose hash takes its time. */
export async function addSession(admin: Account, label: string, role = 'user'): Promise<Account> {
  const [email, password] = [`${label}@example.com`, 'Battery-staple-2'];
  const json = { name: `${label} Example`, email, password, role };
  return account(admin.base, await admin.ok<Session>('POST', '/api/v1/auths/add', { json }), password);
}

interface Session {
  token: string;
  id: string;
  email: string;
  name: string;
  role: string;
}

function account(base: string, { token, id, email, name, role }: Session, password: string): Account {
  return { ...apiClient(base, token), token, id, email, name, role, password };
}
