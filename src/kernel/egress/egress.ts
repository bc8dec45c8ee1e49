import { lookup as lookupName } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import type { Readable } from 'node:stream';
import { Agent, buildConnector, type Dispatcher, EnvHttpProxyAgent, interceptors, request } from 'undici';
import { AddressRefused, createGuard, type Guard } from './guard.ts';
import { createIncoming, type Incoming } from './incoming.ts';
import { type EgressDeps, proxiesOf, type Reach, type TlsOptions, tlsOptions } from './network.ts';
import { createSocketOpener } from './web-socket.ts';

export interface Outgoing {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array | Readable;
  signal?: AbortSignal;
  /** Milliseconds for the whole exchange, body included; null: no limit; absent: AIOHTTP_CLIENT_TIMEOUT. */
  timeoutMs?: number | null;
  /** Milliseconds between two reads of the body; null or absent: no limit. */
  idleMs?: number | null;
  /** Default: always for `configured`, else AIOHTTP_CLIENT_ALLOW_REDIRECTS. */
  redirects?: boolean;
  /** Default `configured`. */
  reach?: Reach;
}

/** The one way out of the program. */
export interface Egress {
  /** Resolves with the head of the answer. Throws what the network threw, AddressRefused, or the signal's reason. */
  request(url: string, outgoing?: Outgoing): Promise<Incoming>;
  /** A WebSocket to a server an administrator has configured, once it is open; it is paused until `resume()`. */
  webSocket: ReturnType<typeof createSocketOpener>;
  guard: Guard;
  close(): Promise<void>;
}

const MAX_REDIRECTS = 10;
const CONNECT_MS = 30_000;
const KEEP_ALIVE_MS = 30_000;
const HEADER_BYTES = 64 * 1024;

export function createEgress({ settings, env }: EgressDeps): Egress {
  const guard = createGuard({
    allowLocal: settings.get('ENABLE_LOCAL_WEB_FETCH'),
    filter: settings.get('WEB_FETCH_FILTER_LIST'),
  });
  const dispatchers = new Map<string, Dispatcher>();
  const total = settings.get('AIOHTTP_CLIENT_TIMEOUT');
  const follow = settings.get('AIOHTTP_CLIENT_ALLOW_REDIRECTS');

  function dispatcherOf(reach: Reach, redirects: boolean): Dispatcher {
    const key = `${reach} ${redirects}`;
    const known = dispatchers.get(key);
    if (known) return known;
    const plain = dispatchers.get(reach) ?? createDispatcher(reach);
    dispatchers.set(reach, plain);
    const steps = redirects
      ? [interceptors.redirect({ maxRedirections: MAX_REDIRECTS, throwOnMaxRedirect: true })]
      : [];
    const composed = steps.length > 0 ? plain.compose(steps) : plain;
    dispatchers.set(key, composed);
    return composed;
  }

  function createDispatcher(reach: Reach): Dispatcher {
    const tls = tlsOptions(settings, reach);
    const connections = settings.get('AIOHTTP_POOL_CONNECTIONS_PER_HOST');
    const shared = {
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: HEADER_BYTES,
      ...(connections !== null && connections > 0 && { connections }),
    };
    const proxies = proxiesOf(env);
    if (proxies) return new EnvHttpProxyAgent({ ...shared, ...proxies, connect: tls, requestTls: tls });
    return new Agent({
      ...shared,
      connect: reach === 'user' ? guardedConnector(guard, tls) : { ...tls, timeout: CONNECT_MS },
    });
  }

  return {
    guard,
    webSocket: createSocketOpener({ settings, env }),
    async request(url, outgoing = {}) {
      const { method = 'GET', headers, body, signal, reach = 'configured', idleMs } = outgoing;
      const { redirects = reach === 'configured' || follow } = outgoing;
      if (reach === 'user') {
        if (proxiesOf(env)) await guard.checkAddresses(url);
        else guard.checkUrl(url);
      }
      const limit = outgoing.timeoutMs === undefined ? (total === null ? null : total * 1_000) : outgoing.timeoutMs;
      const ends = endOf(signal, limit);
      const send = () =>
        request(url, {
          method: method as Dispatcher.HttpMethod,
          dispatcher: dispatcherOf(reach, redirects),
          headersTimeout: 0,
          bodyTimeout: idleMs ?? 0,
          ...(headers && { headers }),
          ...(body !== undefined && { body }),
          ...(ends && { signal: ends }),
        });
      const began = performance.now();
      try {
        return createIncoming(await send());
      } catch (error) {
        const again = isStale(error) && performance.now() - began < STALE_MS && isReplayable(body) && !ends?.aborted;
        if (!again) throw error;
        return createIncoming(await send());
      }
    },
    async close() {
      const open = [...new Set(['configured', 'tool-server', 'user'].map((reach) => dispatchers.get(reach)))];
      await Promise.all(open.map((one) => one?.destroy()));
    },
  };
}

/** How soon a kept connection that its server has closed meanwhile shows itself. */
const STALE_MS = 1_000;

/** A kept connection was closed by the server as the request went out: nothing of an answer came, but earlier ones had. */
function isStale(error: unknown): boolean {
  const { code, socket } = (error ?? {}) as { code?: unknown; socket?: { bytesRead?: unknown } };
  return code === 'UND_ERR_SOCKET' && typeof socket?.bytesRead === 'number' && socket.bytesRead > 0;
}

function isReplayable(body: Outgoing['body']): boolean {
  return body === undefined || typeof body === 'string' || body instanceof Uint8Array;
}

function endOf(signal: AbortSignal | undefined, limitMs: number | null): AbortSignal | undefined {
  if (limitMs === null || limitMs <= 0) return signal;
  const timeout = AbortSignal.timeout(limitMs);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}

/** Connects only to addresses the guard allows: what is dialled is what was checked, on every hop. */
function guardedConnector(guard: Guard, tls: TlsOptions): buildConnector.connector {
  const lookup: LookupFunction = (hostname, options, callback) => {
    lookupName(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '', 0);
      const good = found.filter(({ address }) => guard.allowsAddress(address));
      const [first] = good;
      if (!first || good.length < found.length) {
        return callback(new AddressRefused(`${hostname} resolves to an address that is not public`), '', 0);
      }
      if (options.all) callback(null, good);
      else callback(null, first.address, first.family);
    });
  };
  const connect = buildConnector({ ...tls, timeout: CONNECT_MS, lookup });
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, '');
    try {
      guard.checkUrl(`${options.protocol}//${options.hostname}`);
    } catch (error) {
      return callback(error as Error, null);
    }
    if (isIP(host) !== 0 && !guard.allowsAddress(host))
      return callback(new AddressRefused(`not a public address: ${host}`), null);
    connect(options, callback);
  };
}
