import net from 'node:net';

export interface LoadResult {
  /** Answers per second. */
  rate: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
  failed: number;
  /** Server CPU milliseconds per answer. */
  cpuPerRequest: number;
}

interface LoadOptions {
  port: number;
  method?: string;
  path: string;
  token: string;
  body?: unknown;
  headers?: Record<string, string>;
  connections?: number;
  seconds: number;
  cpu: () => Promise<number>;
}

/** Keeps `connections` keep-alive connections busy with one request each and counts the answers. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const request = encodeRequest(options);
  await run(request, options.port, options.connections ?? 32, Math.min(1, options.seconds / 3));
  const before = await options.cpu();
  const began = performance.now();
  const { times, failed } = await run(request, options.port, options.connections ?? 32, options.seconds);
  const elapsed = (performance.now() - began) / 1_000;
  const cpu = (await options.cpu()) - before;
  times.sort((a, b) => a - b);
  return {
    rate: times.length / elapsed,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    failed,
    cpuPerRequest: (cpu * 1_000) / Math.max(1, times.length),
  };
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function encodeRequest({ method = 'GET', path, token, body, port, headers = {} }: LoadOptions): Buffer {
  const payload = body === undefined ? '' : JSON.stringify(body);
  const head = [
    `${method} ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    `Authorization: Bearer ${token}`,
    'Connection: keep-alive',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(payload ? ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(payload)}`] : []),
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${payload}`);
}

async function run(request: Buffer, port: number, connections: number, seconds: number) {
  const times: number[] = [];
  const counter = { failed: 0 };
  const until = performance.now() + seconds * 1_000;
  await Promise.all(Array.from({ length: connections }, () => client(request, port, until, times, counter)));
  return { times, failed: counter.failed };
}

function client(
  request: Buffer,
  port: number,
  until: number,
  times: number[],
  counter: { failed: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    const reader = new AnswerReader();
    let sentAt = 0;
    const send = () => {
      sentAt = performance.now();
      socket.write(request);
    };
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('data', (data: Buffer) => {
      const status = reader.push(data);
      if (status === null) return;
      times.push(performance.now() - sentAt);
      if (status !== 200) counter.failed++;
      if (performance.now() < until) send();
      else socket.destroy();
    });
    socket.on('close', () => resolve());
  });
}

/** Finds the end of one HTTP/1.1 answer after another; gives its status when complete. */
class AnswerReader {
  #head: Buffer = Buffer.alloc(0);
  #left = -1;
  #chunked = false;
  #tail = '';
  #status = 0;

  push(data: Buffer): number | null {
    let body = data;
    if (this.#left < 0 && !this.#chunked) {
      const all = this.#head.length > 0 ? Buffer.concat([this.#head, data]) : data;
      const end = all.indexOf('\r\n\r\n');
      if (end < 0) {
        this.#head = all;
        return null;
      }
      const head = all.subarray(0, end).toString('latin1');
      this.#head = Buffer.alloc(0);
      this.#status = Number(head.slice(9, 12));
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      this.#chunked = length === undefined && /\r\ntransfer-encoding: *chunked/i.test(head);
      this.#left = length === undefined ? (this.#chunked ? -1 : 0) : Number(length);
      this.#tail = '';
      body = all.subarray(end + 4);
    }
    if (this.#chunked) {
      this.#tail = (this.#tail + body.subarray(-8).toString('latin1')).slice(-8);
      if (!this.#tail.endsWith('0\r\n\r\n')) return null;
      this.#chunked = false;
      this.#left = -1;
      return this.#status;
    }
    this.#left -= body.length;
    if (this.#left > 0) return null;
    this.#left = -1;
    return this.#status;
  }
}
