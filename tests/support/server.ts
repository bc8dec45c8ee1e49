import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type DatabaseKind, freshDatabase } from './databases.ts';
import { type Provider, startProvider } from './provider.ts';
import { until } from './wait.ts';

const root = resolve(import.meta.dirname, '../..');
const GRACE_MS = 20_000;

interface StartOptions {
  /** On top of what tests always set; an empty text unsets nothing, it is passed on. */
  env?: Record<string, string>;
  /** A data folder that stays after `stop()`. Default: a fresh one, removed at the end. */
  dataDir?: string;
  /** Copied into the fresh data folder before the start. */
  fixture?: string;
  database?: DatabaseKind;
  /** A provider that is running already; it is not stopped with the server. `null`: none is configured. */
  provider?: Provider | null;
  /** The port, where a test restarts a server on the same address. */
  port?: number;
}

/** The real server in a process of its own, on a free port. */
export interface TestServer {
  base: string;
  port: number;
  pid: number;
  dataDir: string;
  provider: Provider;
  /** Everything the process has written so far (the last megabyte). */
  output(): string;
  /** Resolves with the exit code once the process has ended. */
  exited: Promise<number | null>;
  /** SIGTERM, then waits; SIGKILL after 20 s. The data folder stays until `stop()`. */
  terminate(): Promise<number | null>;
  kill(): Promise<void>;
  /** Ends it all: process, provider, database, data folder. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || !address) throw new Error('no free port');
  return address.port;
}

/** Starts the server and waits until it answers; throws with its output when it ends instead. */
export async function startServer(options: StartOptions = {}): Promise<TestServer> {
  await using started = new AsyncDisposableStack();
  const provider = options.provider ?? (await startProvider());
  if (!options.provider) started.defer(() => provider.stop());
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'loggia-test-')));
  if (!options.dataDir) started.defer(() => rm(dataDir, { recursive: true, force: true, maxRetries: 3 }));
  if (options.fixture) await cp(options.fixture, dataDir, { recursive: true });
  const env: Record<string, string> = {};
  if (options.database && options.database !== 'sqlite') {
    const database = await freshDatabase(options.database);
    started.defer(() => database.drop());
    env.DATABASE_URL = database.url;
  }
  if (options.provider !== null) env.OPENAI_API_BASE_URL = provider.url;
  const port = options.port ?? (await freePort());
  const run = launch({ ...env, ...options.env }, port, dataDir);
  started.defer(async () => void (await run.end('SIGTERM')));
  const base = `http://127.0.0.1:${port}`;
  await untilHealthy(base, run);
  const owned = started.move();
  const stop = () => owned.disposeAsync();
  return {
    base,
    port,
    pid: run.child.pid ?? 0,
    dataDir,
    provider,
    output: run.output,
    exited: run.exited,
    terminate: () => run.end('SIGTERM'),
    kill: async () => void (await run.end('SIGKILL')),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Run {
  child: ChildProcess;
  output: () => string;
  exited: Promise<number | null>;
  end(signal: NodeJS.Signals): Promise<number | null>;
}

function launch(env: Record<string, string>, port: number, dataDir: string): Run {
  const child = spawn(join(root, 'bin', 'loggia'), ['serve'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '',
      ...(process.env.XDG_CACHE_HOME ? { XDG_CACHE_HOME: process.env.XDG_CACHE_HOME } : {}),
      HOST: '127.0.0.1',
      PORT: String(port),
      DATA_DIR: dataDir,
      WEBUI_SECRET_KEY: 'test-secret-key-0123456789abcdef',
      OPENAI_API_KEY: 'sk-test',
      ENABLE_OLLAMA_API: 'false',
      OFFLINE_MODE: 'true',
      GLOBAL_LOG_LEVEL: 'INFO',
      ...env,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-1_000_000);
    });
  }
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  return {
    child,
    output: () => output,
    exited,
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(signal);
        const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
        await exited;
        clearTimeout(timer);
      }
      return child.exitCode;
    },
  };
}

async function untilHealthy(base: string, { child, output, exited }: Run): Promise<void> {
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  await until(async () => hasEnded() || (await fetch(`${base}/ready`)).ok, { ms: 60_000, what: `${base}/ready` });
  if (hasEnded()) throw new Error(`the server ended with ${(await exited) ?? child.signalCode}:\n${output()}`);
}
