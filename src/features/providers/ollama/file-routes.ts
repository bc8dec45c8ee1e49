import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable, Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FastifyReply } from 'fastify';
import type { Incoming } from '../../../kernel/egress/index.ts';
import { admin } from '../../../kernel/http/access.ts';
import { HttpError, ValidationError } from '../../../kernel/http/errors.ts';
import { type Route, route } from '../../../kernel/http/route.ts';
import type { Connection } from '../connections.ts';
import { callOf } from '../pass-on.ts';
import type { ProviderRouteDeps } from '../route-deps.ts';
import * as shapes from '../shapes.ts';
import type { Call } from '../types.ts';
import { createTargets } from './targets.ts';

const both = (url: string): string[] => [url, `${url}/:url_idx`];

/** Hosts a model file may come from, redirects included. */
const SOURCES = /^(?:(?:[\w-]+\.)*(?:huggingface\.co|hf\.co|githubusercontent\.com)|github\.com)$/;
const FIRST = ['https://huggingface.co/', 'https://github.com/'];
const REDIRECTS = 5;
const DOWNLOAD_MS = 600_000;
const PROGRESS_MS = 250;

/** Model files for Ollama servers: from the web, or from the administrator's disk (providers note, 5.6). */
export function fileRoutes(deps: ProviderRouteDeps): Route[] {
  const { kit, settings } = deps;
  const targets = createTargets(deps);
  const folder = join(settings.dataDir, 'uploads');
  const temporary = async (): Promise<string> => {
    await mkdir(folder, { recursive: true });
    return join(folder, `.model-${randomUUID()}.part`);
  };

  /** Hands a stored file to the server and makes a model of it. */
  async function install(
    connection: Connection,
    path: string,
    sha256: string,
    name: string,
    call: Call,
  ): Promise<string> {
    const headers = await kit.headers(connection, call);
    const { size } = await stat(path);
    const blob = await kit.egress.request(`${connection.url}/api/blobs/sha256:${sha256}`, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/octet-stream', 'Content-Length': String(size) },
      body: createReadStream(path),
      signal: call.signal,
      timeoutMs: DOWNLOAD_MS,
    });
    if (!blob.ok) throw new Error(`the server did not take the file: ${await blob.text()}`);
    blob.discard();
    const model = name.replace(/\.[^.]*$/, '');
    const body = JSON.stringify({ model, files: { [name]: `sha256:${sha256}` }, stream: false });
    const made = await kit.egress.request(`${connection.url}/api/create`, {
      method: 'POST',
      headers,
      body,
      signal: call.signal,
    });
    const text = await made.text();
    if (!made.ok) throw new Error(`the server did not make the model: ${text}`);
    kit.registry.expire();
    return model;
  }

  async function* finish(connection: Connection, path: string, sha256: string, name: string, call: Call) {
    const model = await install(connection, path, sha256, name, call);
    yield line({ done: true, blob: `sha256:${sha256}`, name, model_created: model });
  }

  /** Progress lines while a file is hashed, and stored where a path is given; returns the hash. */
  async function* store(source: Readable, total: number | null, path: string | null, order: 'completed' | 'progress') {
    const hash = createHash('sha256');
    let completed = 0;
    let told = 0;
    const waiting: string[] = [];
    const meter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        completed += chunk.length;
        done(null, chunk);
      },
    });
    const sink = path === null ? new Writable({ write: (_chunk, _encoding, done) => done() }) : createWriteStream(path);
    const stored = pipeline(source, meter, sink).then(() => true);
    for (;;) {
      const over = await Promise.race([stored, tick()]);
      if (completed !== told || over) {
        told = completed;
        const progress = total ? Math.round((completed / total) * 10_000) / 100 : over ? 100 : 0;
        waiting.push(line(order === 'completed' ? { progress, completed, total } : { progress, total, completed }));
      }
      yield waiting.splice(0).join('');
      if (over) return hash.digest('hex');
    }
  }

  function send(reply: FastifyReply, lines: AsyncGenerator<string>, path: string): FastifyReply {
    async function* guarded(): AsyncGenerator<string> {
      try {
        yield* lines;
      } catch (error) {
        yield line({ error: error instanceof Error ? error.message : String(error) });
      } finally {
        await rm(path, { force: true });
      }
    }
    reply.type('text/event-stream');
    return reply.send(Readable.from(guarded(), { objectMode: false }));
  }

  return [
    ...both('/ollama/models/download').map((url) =>
      route({
        method: 'POST',
        url,
        access: admin,
        body: shapes.UrlForm,
        tag: 'ollama',
        handler: async (input) => {
          if (!FIRST.some((start) => input.body.url.startsWith(start))) {
            throw new HttpError(400, 'Invalid file_url. Only URLs from allowed hosts are permitted.');
          }
          targets.assertOn();
          const connection = targets.one(input.params);
          const name = basename(new URL(input.body.url).pathname);
          if (name === '') return null;
          const path = await temporary();
          const call = callOf(input);
          async function* lines(): AsyncGenerator<string> {
            const answer = await fetchFile(deps, input.body.url, call);
            const total = Number(answer.headers['content-length']) || null;
            const sha256 = yield* store(answer.body, total, path, 'completed');
            yield* finish(connection, path, sha256, name, call);
          }
          return send(input.reply, lines(), path);
        },
      }),
    ),
    ...both('/ollama/models/upload').map((url) =>
      route({
        method: 'POST',
        url,
        access: admin,
        multipart: true,
        tag: 'ollama',
        handler: async (input) => {
          targets.assertOn();
          const connection = targets.one(input.params);
          const path = await temporary();
          const name = await saveUpload(await input.form(), path);
          const call = callOf(input);
          async function* lines(): AsyncGenerator<string> {
            const { size } = await stat(path);
            const sha256 = yield* store(createReadStream(path), size, null, 'progress');
            yield* finish(connection, path, sha256, name, call);
          }
          return send(input.reply, lines(), path);
        },
      }),
    ),
  ];
}

function line(value: Record<string, unknown>): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

function tick(): Promise<false> {
  return new Promise((resolve) => setTimeout(resolve, PROGRESS_MS, false));
}

/** The head of the file's answer; every redirect must lead to a host files may come from. */
async function fetchFile({ kit }: ProviderRouteDeps, first: string, call: Call): Promise<Incoming> {
  let url = first;
  for (let hop = 0; hop <= REDIRECTS; hop += 1) {
    const { protocol, hostname } = new URL(url);
    if (protocol !== 'https:' || !SOURCES.test(hostname)) throw new Error(`files are not fetched from ${hostname}`);
    const answer = await kit.egress.request(url, {
      redirects: false,
      timeoutMs: DOWNLOAD_MS,
      signal: call.signal,
      reach: 'user',
    });
    const { location } = answer.headers;
    if (answer.status < 300 || answer.status > 399 || location === undefined) {
      if (answer.ok) return answer;
      answer.discard();
      throw new Error(`the file's server answered ${answer.status}`);
    }
    answer.discard();
    url = new URL(location, url).href;
  }
  throw new Error('too many redirects');
}

/** Stores the part `file`; gives its base name. 422 without one. */
async function saveUpload(
  form: { files: AsyncIterable<{ field: string; filename: string; stream: Readable }> },
  path: string,
): Promise<string> {
  let name = '';
  for await (const file of form.files) {
    if (file.field === 'file' && name === '') {
      name = basename(file.filename.replaceAll('\\', '/')) || 'model';
      await pipeline(file.stream, createWriteStream(path));
    } else file.stream.resume();
  }
  if (name !== '') return name;
  throw new ValidationError([{ type: 'missing', loc: ['body', 'file'], msg: 'Field required', input: null }]);
}
