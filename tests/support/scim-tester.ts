import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Pinned, for another release may ask for something else. */
const PACKAGES = ['scim2-tester==0.5.2', 'scim2-client[httpx2]==0.13.2', 'scim2-models==0.12.3'];
const INSTALL_MS = 180_000;
const RUN_MS = 120_000;

export interface ScimCheck {
  status: 'SUCCESS' | 'ERROR' | 'SKIPPED' | 'ACCEPTABLE' | 'DEVIATION' | 'CRITICAL' | 'COMPLIANT';
  check: string;
  resource: string | null;
  attribute: string | null;
  reason: string;
}

function folder(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'loggia', PACKAGES[0]?.replace('==', '-') ?? '');
}

/** Installs scim2-tester from PyPI, once for this machine. False, or why tests with it are skipped. */
export async function missingScimTester(): Promise<false | string> {
  const place = folder();
  if (await exists(place)) return false;
  await mkdir(join(place, '..'), { recursive: true });
  const made = await mkdtemp(`${place}-`);
  try {
    const options = ['--quiet', '--no-input', '--disable-pip-version-check', '--target', made];
    await run('python3', ['-m', 'pip', 'install', ...options, ...PACKAGES], { timeout: INSTALL_MS });
    await rename(made, place);
    return false;
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    // Another process may have been faster.
    if (await exists(place)) return false;
    const text = error instanceof Error ? error.message : String(error);
    return `scim2-tester could not be installed: ${text.trim().split('\n').at(-1)}`;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

export async function runScimTester(base: string, token: string): Promise<ScimCheck[]> {
  const script = join(import.meta.dirname, 'scim-tester.py');
  const { stdout } = await run('python3', [script, base, token], {
    env: { ...process.env, PYTHONPATH: folder() },
    timeout: RUN_MS,
    maxBuffer: 16 * 1024 * 1024,
  });
  return JSON.parse(stdout) as ScimCheck[];
}
