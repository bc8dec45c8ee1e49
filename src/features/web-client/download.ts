import { spawn, spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CLIENT_VERSION } from './place.ts';

const PACKAGE = `open-webui==${CLIENT_VERSION}`;

/** Ways to run pip, in the order they are tried. */
const PIPS: readonly (readonly [program: string, ...args: string[]])[] = [
  ['pip'],
  ['pip3'],
  ['python3', '-m', 'pip'],
  ['python', '-m', 'pip'],
  ['uv', 'tool', 'run', '--from', 'pip', 'pip'],
];

/** The client could not be had; the message says what to do. */
export class DownloadError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DownloadError';
  }
}

function works([program, ...args]: readonly [string, ...string[]], env: NodeJS.ProcessEnv): boolean {
  const { status, stdout } = spawnSync(program, [...args, '--version'], { env, encoding: 'utf8' });
  return status === 0 && /\(python 3/.test(stdout);
}

/** Downloads the released wheel, and nothing it depends on, into `folder`; gives its path. pip's configuration counts. */
export async function downloadWheel(folder: string, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<string> {
  const pip = PIPS.find((candidate) => works(candidate, env));
  if (!pip) {
    throw new DownloadError(
      `The web client is published as a Python package, and no pip was found (tried ${PIPS.map((one) => one.join(' ')).join(', ')}). ` +
        'Install pip or uv and run `bin/loggia frontend install`, or point FRONTEND_BUILD_DIR at a built client.',
    );
  }
  const [program, ...args] = pip;
  const options = ['--no-deps', '--only-binary=:all:', '--ignore-requires-python', '--disable-pip-version-check'];
  const code = await run(
    program,
    [...args, 'download', '--no-input', '--retries=2', ...options, '--dest', folder, PACKAGE],
    env,
    signal,
  );
  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (code !== 0 || !wheel) {
    throw new DownloadError(
      `\`${pip.join(' ')} download ${PACKAGE}\` ended with ${code}; its lines above say why. ` +
        'It uses the index, proxy and certificates of your pip configuration (`pip config list`).',
    );
  }
  return join(folder, wheel);
}

/** pip's own output goes to standard error: it is progress. */
function run(program: string, args: string[], env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 2, 2], ...(signal ? { signal } : {}) });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
