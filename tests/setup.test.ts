import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { until } from './support/wait.ts';

const root = resolve(import.meta.dirname, '..');
const launcher = join(root, 'bin', 'loggia');
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loggia-setup-'));
});
after(() => rm(folder, { recursive: true, force: true }));

function run(program: string, args: string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, ...env } });
  return { status, stdout, stderr };
}

/** A folder with these programs; the first in PATH of what a test starts. */
async function programs(scripts: Record<string, string>): Promise<string> {
  const bin = await mkdtemp(join(folder, 'bin-'));
  for (const [name, script] of Object.entries(scripts)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  return bin;
}

describe('bin/loggia', () => {
  it('says its version and its commands', () => {
    assert.match(run(launcher, ['--version']).stdout, /^Loggia \d+\.\d+\.\d+\n$/);
    const help = run(launcher, ['--help']);
    assert.equal(help.status, 0);
    for (const name of ['serve', 'migrate', 'doctor', 'routes', 'frontend', 'user']) {
      assert.match(help.stdout, new RegExp(`^  ${name} `, 'm'));
      assert.match(run(launcher, [name, '--help']).stdout, new RegExp(`^usage: loggia ${name}`));
    }
  });

  it('ends with 2 and tells the usage when it does not understand', () => {
    for (const args of [['unknown'], ['serve', '--nope'], ['serve', 'extra'], ['frontend'], ['user', 'nothing']]) {
      const { status, stderr, stdout } = run(launcher, args);
      assert.equal(status, 2, args.join(' '));
      assert.match(stderr, /usage: loggia/, args.join(' '));
      assert.equal(stdout, '');
    }
  });

  it('works through a link and from another folder', async () => {
    const link = join(folder, 'linked');
    await symlink(launcher, link);
    const { status, stdout } = spawnSync(link, ['--version'], { cwd: tmpdir(), encoding: 'utf8' });
    assert.equal(status, 0);
    assert.match(stdout, /^Loggia /);
  });

  it('says what to do when nothing is installed and the machine has no new Node', async () => {
    await mkdir(join(folder, 'bare', 'bin'), { recursive: true });
    await cp(launcher, join(folder, 'bare', 'bin', 'loggia'));
    const bin = await programs({ node: 'echo 20' });
    const { status, stderr } = run(join(folder, 'bare', 'bin', 'loggia'), [], { PATH: `${bin}:/usr/bin:/bin` });
    assert.equal(status, 1);
    assert.match(stderr, /not set up yet.*npm run setup/);
  });

  it('leaves no shell behind: the process is Node itself and gets the signals', async () => {
    const data = await mkdtemp(join(folder, 'data-'));
    const env = { ...process.env, PORT: '0', HOST: '127.0.0.1', DATA_DIR: data, WEBUI_SECRET_KEY: 'k'.repeat(32) };
    const child: ChildProcess = spawn(launcher, ['serve'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    await until(() => /http:\/\/127\.0\.0\.1:\d+/.test(output), { what: 'the address in the log' });
    if (process.platform === 'linux')
      assert.match(await readFile(`/proc/${child.pid}/comm`, 'utf8'), /node|loggia|Main/i);
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
  });
});

describe('options of serve', () => {
  it('fill the environment, which wins and says so', () => {
    const script = `
      import { environmentWith } from ${JSON.stringify(join(root, 'src/commands/serve.ts'))};
      const env = environmentWith(['--host', '::1', '--port=9000', '--data-dir', '/d'], { PORT: '8000', HOST: '' });
      console.log(JSON.stringify(env));`;
    const { stdout, stderr } = run(process.execPath, ['--input-type=module', '-e', script]);
    assert.deepEqual(JSON.parse(stdout), { PORT: '8000', HOST: '::1', DATA_DIR: '/d' });
    assert.match(stderr, /PORT=8000 in the environment wins over --port 9000/);
  });
});

describe('set-up', () => {
  const never = 'echo "unexpected: $0 $*" >&2; exit 9';

  it('does nothing and needs no network when all is there', async () => {
    const bin = await programs({ npm: never, pip: never, pip3: never, uv: never });
    const build = await mkdtemp(join(folder, 'build-'));
    const { status, stderr } = run(process.execPath, [join(root, 'scripts/setup.mjs'), '--dev'], {
      PATH: `${bin}:${process.env.PATH}`,
      FRONTEND_BUILD_DIR: build,
    });
    assert.deepEqual([status, stderr], [0, '']);
  });

  /** A project with a lock file of one package and one that only development needs. */
  async function project(): Promise<string> {
    const path = await mkdtemp(join(folder, 'project-'));
    await mkdir(join(path, 'scripts'));
    await cp(join(root, 'scripts/setup.mjs'), join(path, 'scripts/setup.mjs'));
    await writeFile(join(path, 'package.json'), JSON.stringify({ dependencies: { node: '26.10.0' } }));
    const packages = {
      '': {},
      'node_modules/one': { version: '1.0.0' },
      'node_modules/two': { version: '2.0.0', dev: true },
      'node_modules/other-platform': { version: '1.0.0', optional: true },
    };
    await writeFile(join(path, 'package-lock.json'), JSON.stringify({ packages }));
    return path;
  }
  const setUp = (path: string, bin: string, ...args: string[]) =>
    run(process.execPath, [join(path, 'scripts/setup.mjs'), ...args], { PATH: `${bin}:/usr/bin:/bin` });

  it('installs what the lock file names, for tests what they need too', async () => {
    const path = await project();
    const bin = await programs({ npm: `echo "$@" >> ${path}/asked; exit 1` });
    const started = setUp(path, bin);
    assert.equal(started.status, 1);
    assert.match(started.stderr, /installing 1 packages.*npm ended with 1.*same command again/s);
    assert.match(setUp(path, bin, '--dev').stderr, /installing 2 packages/);
    const [first = '', second = ''] = (await readFile(join(path, 'asked'), 'utf8')).split('\n');
    assert.match(first, /^ci --no-audit --no-fund .*--omit=dev/);
    assert.match(second, /^ci --no-audit --no-fund (?!.*--omit)/);
  });

  it('says so when there is no npm', async () => {
    const path = await project();
    const { status, stderr } = run(process.execPath, [join(path, 'scripts/setup.mjs')], { PATH: await programs({}) });
    assert.equal(status, 1);
    assert.match(stderr, /npm could not be started/);
  });

  it('goes on without the web client when it cannot be had', async () => {
    const path = await project();
    await mkdir(join(path, 'node_modules/one'), { recursive: true });
    await writeFile(join(path, 'node_modules/one/package.json'), '{}');
    const installed = { packages: { 'node_modules/one': { version: '1.0.0' } } };
    await writeFile(join(path, 'node_modules/.package-lock.json'), JSON.stringify(installed));
    await mkdir(join(path, 'node_modules/node/bin'), { recursive: true });
    const node = join(path, 'node_modules/node/bin/node');
    await writeFile(node, '#!/bin/sh\n[ "$1" = --version ] && echo v26.10.0 && exit 0\necho "no pip" >&2; exit 1\n');
    await chmod(node, 0o755);
    const { status, stderr } = setUp(path, await programs({ npm: never }));
    assert.equal(status, 0);
    assert.match(stderr, /no pip.*going on without the web client/s);
  });
});
