import assert from 'node:assert/strict';
import { type ApiClient, apiClient } from './client.ts';
import type { TestServer } from './server.ts';

/** Where an answer sent the browser. */
export interface Sent {
  status: number;
  location: string;
  /** Of the answer; an empty text is a cookie that was removed. */
  cookies: Record<string, string>;
}

/** Goes from page to page as a browser does: keeps cookies, and follows redirects only when told. */
export interface Visitor {
  cookies: Map<string, string>;
  cookie(): string;
  get(path: string, headers?: Record<string, string>): Promise<Sent>;
  /** Follows the button of a provider; gives the address at the provider. */
  leave(provider?: string): Promise<string>;
  /** Comes back from the provider with a query. */
  comeBack(query: Record<string, string>, provider?: string): Promise<Sent>;
  /** An API client with the session that was begun. */
  signedIn(): ApiClient & { token: string };
}

export function newVisitor({ base }: Pick<TestServer, 'base'>): Visitor {
  const cookies = new Map<string, string>();
  const visitor: Visitor = {
    cookies,
    cookie: () => [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
    async get(path, headers = {}) {
      const answer = await fetch(new URL(path, base), {
        redirect: 'manual',
        headers: { ...(cookies.size > 0 && { cookie: visitor.cookie() }), ...headers },
      });
      const own: Record<string, string> = {};
      for (const line of answer.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
        own[name] = value;
        if (value === '' || /max-age=0\b/i.test(line)) cookies.delete(name);
        else cookies.set(name, value);
      }
      await answer.body?.cancel();
      return { status: answer.status, location: answer.headers.get('location') ?? '', cookies: own };
    },
    async leave(provider = 'oidc') {
      const { status, location } = await visitor.get(`/oauth/${provider}/login`);
      assert.equal(status, 302, location);
      return location;
    },
    comeBack: (query, provider = 'oidc') =>
      visitor.get(`/oauth/${provider}/callback?${new URLSearchParams(query).toString()}`),
    signedIn() {
      const token = cookies.get('token');
      assert.ok(token, 'no session was begun');
      return { ...apiClient(base, token), token };
    },
  };
  return visitor;
}
