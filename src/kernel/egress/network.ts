import { readFileSync } from 'node:fs';
import type { Settings } from '../settings/index.ts';

export interface EgressDeps {
  settings: Pick<Settings, 'get'>;
  /** For the proxy variables. */
  env: NodeJS.ProcessEnv;
}

/**
 * Who decided where the request goes: `configured` is an administrator's own connection, `tool-server` one with the TLS
 * settings of tool servers, `user` anything a user or a model can choose (its address is checked when connecting).
 */
export type Reach = 'configured' | 'tool-server' | 'user';

export interface TlsOptions {
  rejectUnauthorized?: boolean;
  ca?: string;
}

export function tlsOptions(settings: EgressDeps['settings'], reach: Reach): TlsOptions {
  const name = reach === 'tool-server' ? 'AIOHTTP_CLIENT_SESSION_TOOL_SERVER_SSL' : 'AIOHTTP_CLIENT_SESSION_SSL';
  const verify = settings.get(name);
  if (verify === false) return { rejectUnauthorized: false };
  const file = verify === true ? settings.get('AIOHTTP_CLIENT_SSL_CERT_FILE') : verify;
  return file ? { ca: readFileSync(file, 'utf8') } : {};
}

export interface Proxies {
  httpProxy: string;
  httpsProxy: string;
  noProxy: string;
}

export function proxiesOf(env: NodeJS.ProcessEnv): Proxies | null {
  // CGI-like environments let a request header set HTTP_PROXY; the lower-case form is the safe one and wins.
  const httpProxy = env.http_proxy || env.HTTP_PROXY || '';
  const httpsProxy = env.https_proxy || env.HTTPS_PROXY || '';
  if (httpProxy === '' && httpsProxy === '') return null;
  return { httpProxy, httpsProxy, noProxy: env.no_proxy || env.NO_PROXY || '' };
}
