import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { it } from 'node:test';
import { freePort } from './support/server.ts';
import { until } from './support/wait.ts';

const root = resolve(import.meta.dirname, '..');
const MINUTES = 60_000;
const wanted = ['CI', 'LOGGIA_TEST_CLONE'].some((name) => !['', '0', 'false'].includes(process.env[name] ?? ''));
const skip = wanted ? false : 'downloads 500 MB; LOGGIA_TEST_CLONE=1 runs it';

it('a clean clone and `npm start` give the page of the official client', { skip, timeout: 20 * MINUTES }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'loggia-clone-'));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  const clone = join(folder, 'loggia');
  const { status, stderr } = spawnSync('git', ['clone', '--quiet', root, clone], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);

  const port = await freePort();
  // The machine's own Node and npm, and no cache of this user: as on a fresh machine.
  const path = (process.env.PATH ?? '').split(delimiter).filter((one) => !one.includes('node_modules'));
  const server = spawn('npm', ['start'], {
    cwd: clone,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: path.join(delimiter),
      HOME: process.env.HOME ?? folder,
      ...pipSettings(),
      XDG_CACHE_HOME: join(folder, 'cache'),
      PORT: String(port),
      HOST: '127.0.0.1',
    },
  });
  let output = '';
  for (const stream of [server.stdout, server.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  t.after(() => {
    const running = server.exitCode === null && server.signalCode === null;
    if (running && server.pid) process.kill(-server.pid, 'SIGKILL');
  });
  const ended = once(server, 'exit').then(() => assert.fail(`npm start ended:\n${output}`));
  const base = `http://127.0.0.1:${port}`;
  const page = await Promise.race([
    until(() => fetch(base).then((answer) => answer.text()), { ms: 15 * MINUTES, what: 'the page' }),
    ended,
  ]);

  assert.match(page, /<title>Open WebUI<\/title>/, output);
  const scripts = [...page.matchAll(/"(\/_app\/[^"]+\.js)"/g)].map(([, url = '']) => url);
  assert.ok(scripts.length > 0);
  for (const url of scripts) assert.equal((await fetch(base + url)).status, 200, url);
  assert.match(output, /\[setup\] installing/);

  ended.catch(() => {});
  const gone = once(server, 'exit');
  process.kill(-(server.pid ?? 0), 'SIGTERM');
  await gone;
  // Set up once, nothing is fetched again.
  const again = spawnSync('npm', ['run', 'setup', '--silent'], {
    cwd: clone,
    encoding: 'utf8',
    env: {
      PATH: path.join(delimiter),
      HOME: folder,
      XDG_CACHE_HOME: join(folder, 'cache'),
      npm_config_offline: 'true',
    },
  });
  assert.deepEqual([again.status, again.stderr], [0, '']);
});

/** How this machine reaches package indexes. */
function pipSettings(): Record<string, string> {
  const names = Object.entries(process.env).filter(([name]) =>
    /^(?:PIP_|npm_config_|https?_proxy|no_proxy|SSL_CERT)/i.test(name),
  );
  return Object.fromEntries(names.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
