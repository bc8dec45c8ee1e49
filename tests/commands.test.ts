import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { apiClient, signIn, signUp } from './support/client.ts';
import { startServer } from './support/server.ts';
import { until } from './support/wait.ts';

const root = resolve(import.meta.dirname, '..');
const FIXTURE = resolve(root, '../shared/fixtures/data-0.12.4');
const { version } = (await import('../package.json', { with: { type: 'json' } })).default;

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loggia-commands-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Runs `bin/loggia` in an environment of its own. */
async function loggia(args: string[], env: Record<string, string> = {}, input = ''): Promise<Outcome> {
  const child = spawn(join(root, 'bin', 'loggia'), args, {
    cwd: folder,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      DATA_DIR: join(folder, 'data'),
      WEBUI_SECRET_KEY: 'commands',
      ENABLE_OLLAMA_API: 'false',
      ...env,
    },
  });
  child.stdin.end(input);
  const code = new Promise<number | null>((done) => child.once('exit', done));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}

async function fixture(name: string): Promise<string> {
  const copy = join(folder, name);
  await cp(FIXTURE, copy, { recursive: true });
  return copy;
}

const noFixture = await stat(FIXTURE).then(
  () => false as const,
  () => `no data folder of 0.12.4 at ${FIXTURE}`,
);

describe('the command line', () => {
  it('tells its version and its commands', async () => {
    assert.deepEqual(await loggia(['--version']), { code: 0, stdout: `Loggia ${version}\n`, stderr: '' });
    const help = await loggia(['--help']);
    assert.equal(help.code, 0);
    for (const name of ['serve', 'migrate', 'doctor', 'routes', 'frontend', 'user', 'mfa']) {
      assert.match(help.stdout, new RegExp(`^ {2}${name} `, 'm'));
      const own = await loggia([name, '--help']);
      assert.deepEqual([own.code, own.stderr], [0, '']);
      assert.match(own.stdout, new RegExp(`^usage: loggia ${name}`));
    }
  });

  it('refuses what it does not know with 2, and says what there is', async () => {
    const unknown = await loggia(['fly']);
    assert.deepEqual([unknown.code, unknown.stdout], [2, '']);
    assert.match(unknown.stderr, /no command "fly"[\s\S]*usage: loggia/);
    for (const args of [
      ['serve', '--wings'],
      ['migrate', 'now'],
      ['frontend', 'fly'],
      ['user', 'reset-password'],
    ]) {
      const { code, stderr } = await loggia(args);
      assert.equal(code, 2, args.join(' '));
      assert.match(stderr, /usage: loggia/);
    }
  });

  it('names every setting that cannot be used', async () => {
    const { code, stderr } = await loggia(['serve'], { PORT: 'eighty', DATABASE_URL: 'oracle://x' });
    assert.equal(code, 1);
    assert.match(stderr, /PORT/);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });
});

describe('migrate', () => {
  it('says what would be done without doing it, then does it', async () => {
    const data = join(folder, 'fresh');
    const env = { DATA_DIR: data };
    const check = await loggia(['migrate', '--check'], env);
    assert.equal(check.code, 0);
    assert.match(check.stdout, /would be created/);
    await assert.rejects(stat(join(data, 'webui.db')));
    const done = await loggia(['migrate'], env);
    assert.deepEqual([done.code, /created/.test(done.stdout)], [0, true]);
    assert.match((await loggia(['migrate', '--check'], env)).stdout, /up to date: nothing to do/);
  });

  it('adopts a data folder of 0.12.4', { skip: noFixture }, async () => {
    const env = { DATA_DIR: await fixture('adopted') };
    assert.match((await loggia(['migrate', '--check'], env)).stdout, /would be adopted: nothing in it changes/);
    assert.equal((await loggia(['migrate'], env)).code, 0);
    assert.match((await loggia(['migrate', '--check'], env)).stdout, /up to date/);
  });

  it('fails on what is no database of ours', async () => {
    const data = join(folder, 'foreign');
    await mkdir(data, { recursive: true });
    await writeFile(join(data, 'webui.db'), 'this is no SQLite file, but long enough to look at'.repeat(50));
    const { code, stderr } = await loggia(['migrate', '--check'], { DATA_DIR: data });
    assert.equal(code, 1);
    assert.match(stderr, /not a database/);
  });
});

describe('doctor', () => {
  it('finds what is wrong and says what to do about it', async () => {
    const { code, stdout } = await loggia(['doctor'], {
      DATA_DIR: join(folder, 'doctor'),
      OPENAI_API_BASE_URL: 'http://127.0.0.1:1/v1',
      REDIS_URL: 'redis://127.0.0.1:1/0',
    });
    assert.equal(code, 1);
    assert.match(stdout, /^problem {2}redis: /m);
    assert.match(stdout, /^problem {2}provider: .*127\.0\.0\.1:1/m);
    assert.match(stdout, /-> /);
  });

  it('names settings that cannot be used', async () => {
    const { code, stdout } = await loggia(['doctor'], { PORT: 'eighty' });
    assert.equal(code, 1);
    assert.match(stdout, /^problem {2}settings: .*PORT/m);
  });
});

describe('routes', () => {
  it('lists every route with who may call it', async () => {
    const { code, stdout } = await loggia(['routes', '--json']);
    assert.equal(code, 0);
    const routes = JSON.parse(stdout) as { method: string; url: string; access: string; needs: string | null }[];
    const find = (method: string, url: string) => routes.find((one) => one.method === method && one.url === url);
    assert.equal(find('POST', '/api/v1/auths/signin')?.access, 'anyone');
    assert.equal(find('GET', '/api/v1/users/')?.access, 'admin');
    assert.equal(find('GET', '/api/v1/auths/')?.access, 'human');
    const keys = routes.map(({ method, url }) => `${method} ${url}`);
    assert.equal(new Set(keys).size, keys.length);
  });
});

describe('frontend status', () => {
  it('says where the client is, or would be', async () => {
    const none = await loggia(['frontend', 'status'], { XDG_CACHE_HOME: join(folder, 'cache') });
    assert.deepEqual([none.code, none.stdout.startsWith('no web client in ')], [1, true]);
    const build = join(folder, 'build');
    await mkdir(build, { recursive: true });
    await writeFile(join(build, 'index.html'), '<!doctype html>');
    const given = await loggia(['frontend', 'status'], { FRONTEND_BUILD_DIR: build });
    assert.deepEqual([given.code, given.stdout], [0, `web client in ${build} (FRONTEND_BUILD_DIR)\n`]);
  });
});

describe('user reset-password', () => {
  it('gives a new password and ends the sessions, also of a running server', async () => {
    await using server = await startServer();
    const ada = await signUp(server);
    const env = { DATA_DIR: server.dataDir };
    const given = await loggia(['user', 'reset-password', 'ADA@example.com'], env, 'By-the-operator-9\n');
    assert.deepEqual([given.code, given.stderr], [0, '']);
    await signIn(server, ada.email, 'By-the-operator-9');
    await until(async () => (await apiClient(server.base, ada.token).call('GET', '/api/v1/auths/')).status === 401, {
      ms: 45_000,
      what: 'the end of the old session',
    });
    const made = await loggia(['user', 'reset-password', ada.email, '--generate'], env);
    assert.equal(made.code, 0);
    await signIn(server, ada.email, made.stdout.trim());
  });

  it('fails with a reason', async () => {
    const data = join(folder, 'reset');
    await loggia(['migrate'], { DATA_DIR: data });
    const nobody = await loggia(['user', 'reset-password', 'nobody@example.com', '--generate'], { DATA_DIR: data });
    assert.deepEqual([nobody.code, nobody.stdout], [1, '']);
    assert.match(nobody.stderr, /no account with the address nobody@example\.com/);
    const silent = await loggia(['user', 'reset-password', 'nobody@example.com'], { DATA_DIR: data });
    assert.match(silent.stderr, /no password came on standard input/);
  });
});
