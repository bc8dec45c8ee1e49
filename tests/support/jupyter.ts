import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

/** The smallest PNG. */
export const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/** The far end of Jupyter's wire: the token `right`, or the password `open`; each line of code is a command it knows. */
export interface Jupyter {
  url: string;
  /** Code that was run. */
  ran: string[];
  /** Kernels that are there now. */
  kernels: Set<string>;
  /** Milliseconds it takes to end a kernel. */
  slowness: number;
  stop(): Promise<void>;
}

export async function startJupyter(): Promise<Jupyter> {
  const kernels = new Set<string>();
  const ran: string[] = [];
  const allowed = ({ url = '', headers }: IncomingMessage) =>
    url.includes('token=right') || headers.cookie?.includes('session=good') === true;
  const server = createServer((request, response) => {
    const { method, url = '' } = request;
    const path = url.split('?')[0] ?? '';
    if (path === '/login' && method === 'GET') {
      response.writeHead(200, { 'set-cookie': ['_xsrf=abc; expires=Wed, 21 Oct 2099 07:28:00 GMT', 'other=1'] }).end();
      return;
    }
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk;
    });
    request.on('end', () => {
      if (path === '/login') {
        const right = body === '_xsrf=abc&password=open' && request.headers['x-xsrftoken'] === 'abc';
        response.writeHead(right ? 302 : 401, right ? { 'set-cookie': 'session=good', location: '/' } : {}).end();
      } else if (!allowed(request)) response.writeHead(403).end();
      else if (method === 'POST') {
        const id = `kernel-${kernels.size + ran.length}`;
        kernels.add(id);
        response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify({ id }));
      } else {
        setTimeout(() => {
          kernels.delete(path.split('/').at(-1) ?? '');
          response.writeHead(204).end();
        }, jupyter.slowness);
      }
    });
  });
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    if (!allowed(request)) return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    sockets.handleUpgrade(request, socket, head, (client) => {
      client.on('message', (data) => {
        const { header, content } = JSON.parse(data.toString()) as {
          header: { msg_id: string };
          content: { code: string };
        };
        ran.push(content.code);
        const say = (msg_type: string, told: object, parent = header.msg_id) =>
          client.send(JSON.stringify({ msg_type, parent_header: { msg_id: parent }, content: told }));
        say('stream', { name: 'stdout', text: 'of somebody else' }, 'other');
        for (const line of content.code.split('\n')) {
          if (line === 'hang') return;
          if (line.startsWith('print ')) say('stream', { name: 'stdout', text: `${line.slice(6)}\n` });
          else if (line === 'plot') say('display_data', { data: { 'image/png': PNG, 'text/plain': 'Figure' } });
          else if (line === 'fail') say('error', { traceback: ['Traceback', 'ZeroDivisionError'] });
          else say('execute_result', { data: { 'text/plain': line } });
        }
        say('status', { execution_state: 'idle' });
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const jupyter: Jupyter = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ran,
    kernels,
    slowness: 0,
    async stop() {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return jupyter;
}
