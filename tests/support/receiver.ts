import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Got {
  path: string;
  body: Record<string, unknown>;
}

/** Takes webhooks. What is posted to it is in `got`; `/fail` answers 500, `/hang` not at all. */
export function startReceiver(): { server: Server; got: Got[]; url: (path: string) => string } {
  const got: Got[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on('end', () => {
      got.push({ path: request.url ?? '', body: JSON.parse(text) as Record<string, unknown> });
      if (request.url !== '/hang') response.writeHead(request.url === '/fail' ? 500 : 200).end();
    });
  }).listen(0, '127.0.0.1');
  return { server, got, url: (path) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}` };
}
