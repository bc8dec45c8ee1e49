// Sets up what is missing: dependencies, the pinned Node, the web client. Runs on Node >= 18, does nothing (and needs no
// network) when all is there. `--dev` also installs what tests and checks need.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const pinned = join(root, 'node_modules', 'node', 'bin', 'node');
const development = process.argv.includes('--dev');

function say(text) {
  process.stderr.write(`[setup] ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

function readJson(...path) {
  const file = join(root, ...path);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

/** Runs a program in the foreground, its output to standard error: standard output belongs to what follows. */
function run(program, args, options = {}) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  return error ? -1 : (status ?? -1);
}

/** Packages of the lock file that are not installed in that version. Optional ones depend on the platform. */
function missingPackages() {
  const wanted = readJson('package-lock.json')?.packages ?? {};
  const installed = readJson('node_modules', '.package-lock.json')?.packages ?? {};
  return Object.entries(wanted).filter(([path, entry]) => {
    if (path === '' || entry.optional || entry.devOptional || entry.link) return false;
    if (entry.dev && !development) return false;
    return installed[path]?.version !== entry.version || !existsSync(join(root, path, 'package.json'));
  });
}

function installDependencies() {
  const missing = missingPackages();
  if (missing.length === 0) return;
  say(`installing ${missing.length} packages …`);
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error', ...(development ? [] : ['--omit=dev'])];
  const status = run('npm', args, { env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' } });
  if (status === -1) fail('npm could not be started. It comes with Node: https://nodejs.org');
  if (status !== 0) fail(`npm ended with ${status}; the lines above say why. Run the same command again to go on.`);
}

function pinnedVersion() {
  const { status, stdout } = spawnSync(pinned, ['--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

function checkNode() {
  const wanted = `v${readJson('package.json').dependencies.node}`;
  if (pinnedVersion() === wanted) return;
  // The package fetches its binary in an install script, which npm skips with `ignore-scripts`.
  say(`fetching Node ${wanted} …`);
  const folder = join(root, 'node_modules', 'node');
  run(process.execPath, ['installArchSpecificPackage.js'], { cwd: folder });
  const found = pinnedVersion();
  if (found !== wanted) {
    fail(`Node ${wanted} is needed in ${folder}, found ${found ?? 'none'}. Is this platform supported by Node?`);
  }
}

function installClient() {
  const status = run(pinned, [join(root, 'src', 'main.ts'), 'frontend', 'install', '--if-missing']);
  if (status !== 0)
    say('going on without the web client: the API works, and the start page says how to get the client.');
}

const major = Number(process.versions.node.split('.')[0]);
if (major < 18) fail(`Node 18 or newer is needed to set up; this is ${process.version}.`);
installDependencies();
checkNode();
installClient();
