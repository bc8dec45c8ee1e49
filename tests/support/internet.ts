import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Asked {
  method: string;
  /** Host and path, without the query. */
  url: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  form: URLSearchParams;
}

type Reply = { status?: number; body: unknown; type?: string };

/** Stands in for hosts of the internet: a proxy that leads every TLS connection to one server, whose certificate is theirs. */
export interface Internet {
  /** Environment of a server that goes out through it. */
  env: Record<string, string>;
  /** Replies by host and path. */
  pages: Map<string, (asked: Asked) => Reply>;
  asked: Asked[];
  stop(): Promise<void>;
}

export async function startInternet(hosts: readonly string[]): Promise<Internet> {
  const folder = await mkdtemp(join(tmpdir(), 'loggia-internet-'));
  const names = hosts.map((host) => `DNS:${host}`).join(',');
  const options = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const files = ['-subj', '/CN=Test', '-addext', `subjectAltName=${names}`, '-keyout', 'key.pem', '-out', 'cert.pem'];
  await promisify(execFile)('openssl', ['req', ...options, ...files], { cwd: folder, timeout: 30_000 });
  const [key, cert] = await Promise.all(['key.pem', 'cert.pem'].map((name) => readFile(join(folder, name))));

  const pages: Internet['pages'] = new Map();
  const asked: Asked[] = [];
  const site = createHttpsServer({ ...(key && { key }), ...(cert && { cert }) }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { host, pathname, searchParams: query } = new URL(`https://${request.headers.host}${request.url}`);
      const form = new URLSearchParams(Buffer.concat(chunks).toString());
      const one = { method: request.method ?? '', url: `${host}${pathname}`, query, headers: request.headers, form };
      asked.push(one);
      const { status = 200, body, type = 'application/json' } = pages.get(one.url)?.(one) ?? { status: 404, body: {} };
      response.writeHead(status, { 'content-type': type }).end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
    });
  });
  const proxy = createHttpServer();
  proxy.on('connect', (_request, client, head) => {
    const through = connect((site.address() as AddressInfo).port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      through.write(head);
      through.pipe(client).pipe(through);
    });
    for (const socket of [through, client]) socket.on('error', () => through.destroy());
  });
  for (const server of [site, proxy] as Server[]) await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    env: {
      https_proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      no_proxy: '127.0.0.1',
      AIOHTTP_CLIENT_SSL_CERT_FILE: join(folder, 'cert.pem'),
    },
    pages,
    asked,
    async stop() {
      for (const server of [site, proxy]) {
        server.closeAllConnections();
        server.close();
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}
