import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CLOCK_TICKS_PER_SECOND = 100;

/** Signs the sessions of the measured servers. */
export const SECRET = 't0p-s3cr3t-for-measurement';

export interface ServerUnderTest {
  base: string;
  port: number;
  /** Where it keeps its data. */
  dataFolder: string;
  /** Seconds from spawn until /ready answered. */
  startedIn: number;
  /** CPU seconds the whole process tree has used so far. */
  cpu(): Promise<number>;
  /** Proportional memory of the whole process tree, MB. */
  memory(): Promise<number>;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

export async function startProvider(): Promise<{ base: string; stop: () => void }> {
  const child = fork(new URL('./provider.ts', import.meta.url), [], { stdio: 'inherit' });
  const [message] = (await once(child, 'message')) as [{ port: number }];
  return { base: `http://127.0.0.1:${message.port}`, stop: () => child.kill() };
}

interface StartOptions {
  provider: string;
  /** Copied as the data folder before the start. */
  fixture?: string;
  /** Environment on top of the common one. */
  env?: Record<string, string>;
}

/** Starts `command` (a shell line that reads HOST, PORT and DATA_DIR) on a fresh data folder. */
export async function startServer(
  command: string,
  { provider, fixture, env = {} }: StartOptions,
): Promise<ServerUnderTest> {
  const port = await freePort();
  const data = await mkdtemp(join(tmpdir(), 'loggia-bench-'));
  if (fixture) await cp(fixture, data, { recursive: true });
  const base = `http://127.0.0.1:${port}`;
  const began = performance.now();
  const child = spawn('bash', ['-c', `exec ${command}`], {
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      HOST: '127.0.0.1',
      PORT: String(port),
      DATA_DIR: data,
      WEBUI_SECRET_KEY: SECRET,
      OPENAI_API_BASE_URL: `${provider}/v1`,
      OPENAI_API_KEY: 'sk-bench',
      ENABLE_OLLAMA_API: 'false',
      OFFLINE_MODE: 'true',
      HF_HUB_OFFLINE: '1',
      RAG_EMBEDDING_ENGINE: 'openai',
      GLOBAL_LOG_LEVEL: 'WARNING',
      BYPASS_MODEL_ACCESS_CONTROL: 'true',
      ...env,
    },
  });
  await waitUntilHealthy(base, child);
  const pid = child.pid ?? 0;
  return {
    base,
    port,
    dataFolder: data,
    startedIn: (performance.now() - began) / 1_000,
    cpu: async () => sum(await tree(pid), cpuSeconds),
    memory: async () => (await sum(await tree(pid), proportionalKilobytes)) / 1_024,
    async stop() {
      const ended = once(child, 'exit');
      process.kill(-pid, 'SIGTERM');
      const kill = setTimeout(() => process.kill(-pid, 'SIGKILL'), 15_000);
      await ended;
      clearTimeout(kill);
      await rm(data, { recursive: true, force: true });
    },
  };
}

async function waitUntilHealthy(base: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + 180_000;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the server exited with ${child.exitCode}`);
    const healthy = await fetch(`${base}/ready`).then(
      (reply) => reply.ok,
      () => false,
    );
    if (healthy) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the server did not start within three minutes');
}

async function tree(root: number): Promise<number[]> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const members = [root];
  for (const member of members) {
    for (const [pid, parent] of parents) if (parent === member) members.push(pid);
  }
  return members;
}

async function sum(pids: number[], read: (pid: number) => Promise<number>): Promise<number> {
  const values = await Promise.all(pids.map(read));
  return values.reduce((total, value) => total + value, 0);
}

async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / CLOCK_TICKS_PER_SECOND;
}

async function proportionalKilobytes(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
}
