import { randomUUID } from 'node:crypto';
import type { RawData, WebSocket } from 'ws';
import type { Egress } from '../../kernel/egress/index.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';

/** A Jupyter server an administrator has configured. */
export interface JupyterPlace {
  url: string;
  auth: string;
  token: string;
  password: string;
  /** Seconds without a message after which a run is given up. */
  timeout: number;
}

/** What a piece of code wrote and gave. */
export interface CodeOutput {
  stdout: string;
  stderr: string;
  /** Lines; pictures are data URLs. */
  result: string;
}

/** Milliseconds for each of the calls around a run. */
const CALL_MS = 30_000;
/** Bytes one message of a kernel may have, and all that is kept of one run. */
const MESSAGE_BYTES = 32 * 1024 * 1024;
const OUTPUT_CHARACTERS = 8 * 1024 * 1024;

/** Runs code in a kernel of its own (plugins note, 11). Whatever goes wrong is in `stderr`; throws only the signal's reason. */
export async function runInJupyter(
  egress: Pick<Egress, 'request' | 'webSocket'>,
  place: JupyterPlace,
  code: string,
  signal: AbortSignal,
): Promise<CodeOutput> {
  const output: CodeOutput = { stdout: '', stderr: '', result: '' };
  try {
    const server = await signIn(egress, place, signal);
    const kernel = await server.call('POST', 'api/kernels');
    const id = isObject(kernel) && typeof kernel.id === 'string' ? kernel.id : '';
    if (id === '') throw new Error('the Jupyter server started no kernel');
    try {
      await execute(egress, server, { id, code, timeout: place.timeout, output, signal });
    } finally {
      // Also for a run that was stopped: a kernel that stays costs memory for ever.
      await server.call('DELETE', `api/kernels/${encodeURIComponent(id)}`, null).catch(() => {});
    }
  } catch (error) {
    signal.throwIfAborted();
    const text = error instanceof Error ? error.message : String(error);
    output.stderr += `${output.stderr === '' ? '' : '\n'}Error: ${withoutToken(text, place)}`;
  }
  return output;
}

function withoutToken(text: string, { token, password }: JupyterPlace): string {
  return [token, password].reduce((said, secret) => (secret === '' ? said : said.replaceAll(secret, '…')), text);
}

interface Server {
  /** `signal` null: the call is made whatever happens. */
  call(method: string, path: string, signal?: null): Promise<unknown>;
  /** Address and headers of a kernel's channel. */
  channel(id: string): { url: string; headers: Record<string, string> };
}

async function signIn({ request }: Pick<Egress, 'request'>, place: JupyterPlace, signal: AbortSignal): Promise<Server> {
  const base = place.url.endsWith('/') ? place.url : `${place.url}/`;
  const query = place.auth === 'token' && place.token !== '' ? `?token=${encodeURIComponent(place.token)}` : '';
  const cookies = new Map<string, string>();
  const headers = (): Record<string, string> => {
    if (cookies.size === 0) return {};
    const xsrf = cookies.get('_xsrf');
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    return { cookie, ...(xsrf === undefined ? {} : { 'x-xsrftoken': xsrf }) };
  };
  if (place.auth === 'password' && place.password !== '') {
    const options = { signal, timeoutMs: CALL_MS, redirects: false };
    const page = await request(`${base}login`, options);
    page.discard();
    readCookies(page.headers['set-cookie'], cookies);
    const form = new URLSearchParams({ _xsrf: cookies.get('_xsrf') ?? '', password: place.password }).toString();
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await request(`${base}login`, {
      ...options,
      method: 'POST',
      body: form,
      headers: { ...headers(), ...type },
    });
    answer.discard();
    if (answer.status >= 400) throw new Error(`the Jupyter server refused the password (${answer.status})`);
    readCookies(answer.headers['set-cookie'], cookies);
  }
  return {
    async call(method, path, stop) {
      const answer = await request(`${base}${path}${query}`, {
        method,
        headers: { ...headers(), ...(method === 'POST' ? { 'content-type': 'application/json' } : {}) },
        timeoutMs: CALL_MS,
        ...(method === 'POST' && { body: '{}' }),
        ...(stop !== null && { signal }),
      });
      if (!answer.ok) {
        answer.discard();
        throw new Error(`the Jupyter server answered ${answer.status}`);
      }
      const text = await answer.text();
      return text === '' ? null : (JSON.parse(text) as unknown);
    },
    channel: (id) => ({
      url: `${base.replace(/^http/, 'ws')}api/kernels/${encodeURIComponent(id)}/channels${query}`,
      headers: headers(),
    }),
  };
}

/** Several cookies may come as one text; dates in them have commas too. */
function readCookies(text: string | undefined, cookies: Map<string, string>): void {
  for (const one of (text ?? '').split(/,\s*(?=[\w!#$%&'*+.^`|~-]+=)/)) {
    const found = /^\s*([^=;\s]+)=([^;]*)/.exec(one);
    if (found?.[1] !== undefined && found[2] !== undefined) cookies.set(found[1], found[2]);
  }
}

interface Execution {
  id: string;
  code: string;
  timeout: number;
  output: CodeOutput;
  signal: AbortSignal;
}

async function execute(
  { webSocket }: Pick<Egress, 'webSocket'>,
  server: Server,
  { id, code, timeout, output, signal }: Execution,
): Promise<void> {
  const { url, headers } = server.channel(id);
  const socket = await webSocket(url, { headers, handshakeMs: CALL_MS, maxPayload: MESSAGE_BYTES, signal });
  const messageId = randomUUID();
  const { promise: over, resolve, reject } = Promise.withResolvers<void>();
  const stop = () => reject(signal.reason);
  const late = () => {
    output.stderr += `${output.stderr === '' ? '' : '\n'}Execution timed out.`;
    resolve();
  };
  let timer = setTimeout(late, timeout * 1_000);
  try {
    signal.addEventListener('abort', stop, { once: true });
    socket.on('message', (data: RawData) => {
      clearTimeout(timer);
      if (take(data, messageId, output)) resolve();
      else timer = setTimeout(late, timeout * 1_000);
    });
    socket.on('close', () => reject(new Error('the kernel closed the connection')));
    socket.on('error', reject);
    socket.resume();
    socket.send(JSON.stringify(executeRequest(messageId, code)));
    await over;
  } finally {
    // What comes later, while the kernel is taken down, is not about this run.
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    close(socket);
  }
  signal.throwIfAborted();
}

function close(socket: WebSocket): void {
  socket.removeAllListeners();
  socket.on('error', () => {});
  socket.terminate();
}

function executeRequest(id: string, code: string): JsonObject {
  return {
    header: {
      msg_id: id,
      username: 'user',
      session: randomUUID(),
      msg_type: 'execute_request',
      version: '5.3',
      date: new Date().toISOString(),
    },
    parent_header: {},
    metadata: {},
    content: {
      code,
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: false,
      stop_on_error: true,
    },
    buffers: [],
    channel: 'shell',
  };
}

/** Lays a message of the kernel over the output; true: the run is over. What is not about this run, or no message, is passed over. */
function take(data: RawData, id: string, output: CodeOutput): boolean {
  let message: unknown;
  try {
    message = JSON.parse(data.toString());
  } catch {
    return false;
  }
  if (!isObject(message) || !isObject(message.parent_header) || message.parent_header.msg_id !== id) return false;
  const content = isObject(message.content) ? message.content : {};
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  switch (message.msg_type ?? (isObject(message.header) ? message.header.msg_type : undefined)) {
    case 'stream':
      if (content.name === 'stdout') output.stdout = joined(output.stdout, text(content.text), '');
      if (content.name === 'stderr') output.stderr = joined(output.stderr, text(content.text), '');
      return false;
    case 'execute_result':
    case 'display_data': {
      const given = isObject(content.data) ? content.data : {};
      const picture = text(given['image/png']).trim();
      const shown = picture === '' ? text(given['text/plain']) : `data:image/png;base64,${picture.replace(/\s+/g, '')}`;
      output.result = joined(output.result, shown, '\n');
      return false;
    }
    case 'error':
      output.stderr = joined(
        output.stderr,
        (Array.isArray(content.traceback) ? content.traceback : []).join('\n'),
        '\n',
      );
      return false;
    case 'status':
      return content.execution_state === 'idle';
    default:
      return false;
  }
}

/** A program that never stops writing must not fill the memory. */
function joined(before: string, more: string, between: string): string {
  if (more === '' || before.length >= OUTPUT_CHARACTERS) return before;
  return `${before}${before === '' ? '' : between}${more}`.slice(0, OUTPUT_CHARACTERS);
}
