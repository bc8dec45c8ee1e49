import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { WebSocket } from 'ws';
import { type EgressDeps, proxiesOf, tlsOptions } from './network.ts';

export interface OutgoingSocket {
  headers?: Record<string, string>;
  /** Milliseconds until the other side has agreed. */
  handshakeMs: number;
  /** Bytes one message may have; more ends the connection. */
  maxPayload: number;
  signal?: AbortSignal;
}

/** The other side does not speak WebSocket with us: its HTTP status. */
export class SocketRefused extends Error {
  override readonly name = 'SocketRefused';
  readonly status: number;
  constructor(status: number) {
    super(`the server answered ${status} instead of opening a WebSocket`);
    this.status = status;
  }
}

/**
 * Opens WebSockets to servers an administrator has configured, by the same proxies and TLS settings as requests. An open one is
 * paused: `resume()` it once its messages are listened to. Rejects with SocketRefused, what the network threw, or the signal's reason.
 */
export function createSocketOpener({ settings, env }: EgressDeps) {
  const agents = new Map<string, HttpAgent>();
  const agentFor = (url: string): HttpAgent => {
    const secure = url.startsWith('wss:');
    const key = secure ? 'wss' : 'ws';
    const known = agents.get(key);
    if (known) return known;
    const proxies = proxiesOf(env);
    const options = {
      ...(proxies && {
        proxyEnv: { HTTP_PROXY: proxies.httpProxy, HTTPS_PROXY: proxies.httpsProxy, NO_PROXY: proxies.noProxy },
      }),
    };
    const agent = secure
      ? new HttpsAgent({ ...options, ...tlsOptions(settings, 'configured') })
      : new HttpAgent(options);
    agents.set(key, agent);
    return agent;
  };

  return async (url: string, { headers, handshakeMs, maxPayload, signal }: OutgoingSocket): Promise<WebSocket> => {
    const { WebSocket } = await import('ws');
    signal?.throwIfAborted();
    const socket = new WebSocket(url, {
      handshakeTimeout: handshakeMs,
      maxPayload,
      perMessageDeflate: false,
      followRedirects: false,
      agent: agentFor(url),
      ...(headers && { headers }),
    });
    const { promise, resolve, reject } = Promise.withResolvers<WebSocket>();
    const abort = () => {
      reject(signal?.reason);
      socket.terminate();
    };
    signal?.addEventListener('abort', abort, { once: true });
    socket.on('unexpected-response', (request, response) => {
      reject(new SocketRefused(response.statusCode ?? 0));
      response.resume();
      request.destroy();
    });
    // Stays: an error nobody listens to would end the process.
    socket.on('error', reject);
    socket.once('open', () => {
      // The first message may come with the handshake, before anybody listens.
      socket.pause();
      resolve(socket);
    });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  };
}
