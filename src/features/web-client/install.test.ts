import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { DownloadError } from './download.ts';
import { installClient } from './install.ts';
import { clientPlace, isInstalled } from './place.ts';

let folder: string;
let env: NodeJS.ProcessEnv;
const said: string[] = [];
const say = (line: string) => void said.push(line);

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loggia-install-'));
});
after(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  env = { XDG_CACHE_HOME: await mkdtemp(join(folder, 'cache-')), PATH: join(folder, 'bin') };
  await rm(join(folder, 'bin'), { recursive: true, force: true });
  await mkdir(join(folder, 'bin'));
});

/** A zip archive of texts, written as the format says: local headers, central directory, end record. */
async function wheel(files: Record<string, string>): Promise<string> {
  const { crc32 } = await import('node:zlib');
  const [locals, central]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const data = deflateRawSync(text);
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt16LE(8, 4);
    head.writeUInt32LE(crc32(text), 10);
    head.writeUInt32LE(data.length, 14);
    head.writeUInt32LE(Buffer.byteLength(text), 18);
    head.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), head, Buffer.from(name), data]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), head, tail, Buffer.from(name)]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(central.length, 4);
  end.writeUInt16LE(central.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  const file = join(await mkdtemp(join(folder, 'wheel-')), 'open_webui-0.12.4-py3-none-any.whl');
  await writeFile(file, Buffer.concat([...locals, directory, Buffer.from('PK\x05\x06'), end]));
  return file;
}

const GOOD = {
  'open_webui/main.py': 'print("not taken")',
  'open_webui/CHANGELOG.md': '## [0.12.4] - 2026-10-25\n',
  'open_webui/frontend/index.html': '<title>client</title>',
  'open_webui/frontend/_app/a.js': 'x'.repeat(5_000),
  'open_webui-0.12.4.dist-info/licenses/LICENSE': 'its licence',
};

describe('install', () => {
  it('takes the built frontend, its notes and its licence, and nothing else', async () => {
    const place = clientPlace(env);
    await installClient(place, { env, say, wheel: await wheel(GOOD) });
    assert.ok(isInstalled(place));
    assert.deepEqual((await readdir(join(place.folder, '..'), { recursive: true })).sort(), [
      'CHANGELOG.md',
      'LICENSE',
      'frontend',
      'frontend/_app',
      'frontend/_app/a.js',
      'frontend/_app/a.js.br',
      'frontend/_app/a.js.gz',
      'frontend/index.html',
    ]);
  });

  it('replaces a client that is there, and keeps it when the new one is no client', async () => {
    const place = clientPlace(env);
    await installClient(place, { env, say, wheel: await wheel(GOOD) });
    await installClient(place, { env, say, wheel: await wheel({ ...GOOD, 'open_webui/frontend/index.html': 'new' }) });
    assert.equal(await readFile(join(place.folder, 'index.html'), 'utf8'), 'new');
    await assert.rejects(
      installClient(place, { env, say, wheel: await wheel({ 'a.txt': 'x' }) }),
      /no built web client/,
    );
    assert.equal(await readFile(join(place.folder, 'index.html'), 'utf8'), 'new');
    assert.deepEqual(await readdir(join(place.folder, '..', '..')), ['web-client-0.12.4']);
  });

  it('refuses a damaged archive and paths that lead out of it, and leaves nothing behind', async () => {
    const place = clientPlace(env);
    const broken = join(folder, 'broken.whl');
    await writeFile(broken, 'no zip at all');
    await assert.rejects(installClient(place, { env, say, wheel: broken }));
    const outside = await wheel({ ...GOOD, 'open_webui/frontend/../../../../evil.txt': 'x' });
    await assert.rejects(installClient(place, { env, say, wheel: outside }));
    assert.ok(!isInstalled(place));
    assert.ok(!existsSync(join(folder, 'evil.txt')));
    assert.deepEqual(await readdir(join(env.XDG_CACHE_HOME ?? '', 'loggia')), []);
  });

  it('does not touch the folder FRONTEND_BUILD_DIR names', async () => {
    const place = clientPlace({ ...env, FRONTEND_BUILD_DIR: join(folder, 'mine') });
    await assert.rejects(installClient(place, { env, say, wheel: await wheel(GOOD) }), /FRONTEND_BUILD_DIR/);
    assert.ok(!existsSync(join(folder, 'mine')));
  });
});

/** A program in the only folder of PATH. */
async function program(name: string, script: string): Promise<void> {
  const file = join(folder, 'bin', name);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
}

describe('download', () => {
  const version = 'if [ "$1" = --version ]; then echo "pip 25 from x (python 3.12)"; exit 0; fi';

  it('says so when there is no pip', async () => {
    await assert.rejects(installClient(clientPlace(env), { env, say }), (error) => {
      assert.ok(error instanceof DownloadError);
      assert.match(error.message, /no pip was found.*FRONTEND_BUILD_DIR/);
      return true;
    });
  });

  it('says so when pip fails, and passes over a pip of Python 2', async () => {
    await program('pip', 'echo "pip 9 from x (python 2.7)"');
    await program('pip3', `${version}\nexit 7`);
    await assert.rejects(
      installClient(clientPlace(env), { env, say }),
      /pip3 download open-webui==0\.12\.4` ended with 7/,
    );
  });

  it('asks pip for the one released package without its dependencies', async () => {
    const file = await wheel(GOOD);
    const cp = spawnSync('sh', ['-c', 'command -v cp'], { encoding: 'utf8' }).stdout.trim();
    const copy = `for a; do [ "$last" = --dest ] && dest=$a; last=$a; done; echo "$@" > ${folder}/asked; exec ${cp} ${file} "$dest"`;
    await program('pip3', `${version}\n${copy}`);
    const place = clientPlace(env);
    await installClient(place, { env, say });
    assert.ok(isInstalled(place));
    const asked = await readFile(join(folder, 'asked'), 'utf8');
    assert.match(asked, /^download .*--no-deps .*open-webui==0\.12\.4\n$/);
  });
});
