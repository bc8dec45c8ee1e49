import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Account, addAccount, signUp } from './support/client.ts';
import { startServer, type TestServer } from './support/server.ts';
import { until } from './support/wait.ts';

let server: TestServer;
let admin: Account;
let una: Account;
let vic: Account;

before(async () => {
  server = await startServer();
  admin = await signUp(server);
  una = await addAccount(admin, 'una');
  vic = await addAccount(admin, 'vic');
});
after(() => server.stop());

interface FileBody {
  id: string;
  filename: string;
  hash: string | null;
  path?: string;
  status?: boolean;
  data: { status?: string; content?: string; error?: string | null };
  meta: Record<string, unknown>;
}

function formOf(name: string, content: string | Buffer, type = 'text/plain', metadata?: string): FormData {
  const form = new FormData();
  form.append('file', new Blob([typeof content === 'string' ? content : new Uint8Array(content)], { type }), name);
  if (metadata !== undefined) form.append('metadata', metadata);
  return form;
}

function upload(
  as: Account,
  name: string,
  content: string | Buffer,
  type?: string,
  query: Record<string, string> = {},
) {
  return as.ok<FileBody>('POST', '/api/v1/files/', { form: formOf(name, content, type), query });
}

const now = { process_in_background: 'false' };
const kept = () => readdir(join(server.dataDir, 'uploads'));

describe('an upload', () => {
  test('is kept as it came, read in the background, and told about by the status stream', async () => {
    const content = 'The keeper feeds\r\nthree gulls.\n';
    const form = formOf('gulls.txt', content, 'text/plain', '{"note":"from the quay"}');
    const made = await una.ok<FileBody>('POST', '/api/v1/files/', { form });
    assert.deepEqual([made.status, made.data], [true, { status: 'pending' }]);
    assert.equal(made.meta.file_hash, createHash('sha256').update(content).digest('hex'));
    assert.deepEqual(made.meta.data, { note: 'from the quay' });
    const stream = await una.call('GET', `/api/v1/files/${made.id}/process/status`, { query: { stream: 'true' } });
    assert.equal(stream.headers.get('content-type'), 'text/event-stream');
    assert.equal(String(stream.body).trim().split('\n\n').at(-1), 'data: {"status":"completed"}');
    const whole = await una.ok<FileBody>('GET', `/api/v1/files/${made.id}`);
    assert.equal(whole.data.content, 'The keeper feeds\nthree gulls.\n');
    const bytes = await una.call('GET', `/api/v1/files/${made.id}/content`);
    assert.equal(bytes.body, content);
  });

  test('never leaves the folder, whatever its name says', async () => {
    const before = await kept();
    for (const name of ['../../evil.txt', '/etc/passwd', '..', 'a\u0000b\u202egpj.txt', `${'long'.repeat(80)}.txt`]) {
      const made = await upload(una, name, 'x', 'text/plain', { process: 'false' });
      assert.doesNotMatch(made.filename, /\/|\p{C}|^\.\.$/u);
      assert.equal((await una.call('GET', `/api/v1/files/${made.id}/content`)).body, 'x');
    }
    assert.equal((await kept()).length, before.length + 5);
  });

  test('is refused when it is empty, too large, of a wrong type or has broken metadata, and nothing stays', async () => {
    const before = await kept();
    const count = await una.ok<unknown>('GET', '/api/v1/files/user/count');
    const change = (settings: object) => admin.ok('POST', '/api/v1/retrieval/config/update', { json: settings });
    await change({ ALLOWED_FILE_EXTENSIONS: ['txt'], FILE_MAX_SIZE: 1 });
    try {
      const answer = async (form: FormData) => {
        const { status, body } = await una.call('POST', '/api/v1/files/', { form });
        return [status, (body as { detail: unknown }).detail];
      };
      assert.deepEqual(await answer(formOf('big.txt', 'x'.repeat(5 * 1024 * 1024))), [
        413,
        "Oops! The file you're trying to upload is too large. Please upload a file that is less than 1 MB.",
      ]);
      assert.deepEqual(await answer(formOf('a.CSV', 'x')), [400, '[ERROR: File type csv is not allowed]']);
      assert.equal((await answer(formOf('a.txt', '')))[0], 400);
      assert.deepEqual(await answer(formOf('a.txt', 'x', 'text/plain', '[1')), [
        400,
        '[ERROR: Invalid metadata format]',
      ]);
      assert.equal((await answer(new FormData()))[0], 422);
    } finally {
      await change({ ALLOWED_FILE_EXTENSIONS: [], FILE_MAX_SIZE: '' });
    }
    assert.deepEqual(await kept(), before);
    assert.equal(await una.ok('GET', '/api/v1/files/user/count'), count);
  });

  test('that breaks off leaves nothing behind', async () => {
    const before = await kept();
    const head = '--b\r\ncontent-disposition: form-data; name="file"; filename="cut.txt"\r\n\r\n';
    const call = request(`${server.base}/api/v1/files/`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${una.token}`,
        'content-type': 'multipart/form-data; boundary=b',
        'content-length': 1_000_000,
      },
    });
    call.on('error', () => {});
    call.write(head + 'x'.repeat(100_000));
    await until(async () => (await kept()).length > before.length, { what: 'the draft' });
    call.destroy();
    await until(async () => (await kept()).length === before.length, { what: 'the draft to go' });
  });

  test('says what cannot be read, and takes no video for a text', async () => {
    const read = async (name: string, content: string | Buffer, type: string) => {
      const { id } = await upload(una, name, content, type, now);
      const { data, hash } = await una.ok<FileBody>('GET', `/api/v1/files/${id}`);
      return { ...data, hash };
    };
    const image = await read('dot.png', Buffer.from([0x89, 0x50, 0, 1]), 'image/png');
    assert.deepEqual(image, {
      status: 'failed',
      error: 'File type image/png is not supported for processing',
      hash: null,
    });
    assert.equal((await read('clip.mp4', Buffer.from([0, 0, 0, 24]), 'video/mp4')).status, 'completed');
    assert.equal((await read('main.ts', 'let a = 1;', 'video/mp2t')).content, 'let a = 1;');
    assert.equal((await read('blank.txt', ' \n ', 'text/plain')).status, 'failed');
    assert.equal((await read('old.txt', Buffer.from('caf\u00e9', 'latin1'), 'text/plain')).content, 'caf\u00e9');
    assert.equal(
      (await read('boats.csv', 'name,berth\nAlma,A1\n"Beta, ""II""",B4\n', 'text/csv')).content,
      'name: Alma\nberth: A1 name: Beta, "II"\nberth: B4',
    );
  });

  test('left unread by a process that was killed is read by the next one', async () => {
    const provider = null;
    const first = await startServer({ provider });
    try {
      const owner = await signUp(first);
      const { id } = await upload(owner, 'a.txt', 'read me', 'text/plain', { process: 'false' });
      await first.kill();
      const { default: Sqlite } = await import('better-sqlite3');
      const db = new Sqlite(join(first.dataDir, 'webui.db'));
      db.prepare(`UPDATE file SET data = '{"status":"processing"}' WHERE id = ?`).run(id);
      db.close();
      await using second = await startServer({ provider, dataDir: first.dataDir });
      const again = { ...owner, call: owner.call };
      await until(async () => {
        const answer = await fetch(`${second.base}/api/v1/files/${id}/data/content`, {
          headers: { authorization: `Bearer ${again.token}` },
        });
        return ((await answer.json()) as { content: string }).content === 'read me';
      });
    } finally {
      await first.stop();
    }
  });
});

describe('a file', () => {
  test('is there for its owner and administrators only; a pending account gets nothing', async () => {
    const { id } = await upload(una, 'diary.txt', 'Monday', 'text/plain', now);
    for (const path of ['', '/content', '/content/any.txt', '/data/content', '/process/status']) {
      const look = async (as: Account) => (await as.call('GET', `/api/v1/files/${id}${path}`)).status;
      assert.deepEqual([await look(una), await look(admin), await look(vic)], [200, 200, 404], path);
    }
    for (const [method, path, json] of [
      ['POST', '/rename', { filename: 'x' }],
      ['POST', '/data/content/update', { content: 'x' }],
      ['DELETE', '', undefined],
    ] as const) {
      assert.equal((await vic.call(method, `/api/v1/files/${id}${path}`, { json })).status, 404);
    }
    const pending = await addAccount(admin, 'penny', 'pending');
    assert.equal((await pending.call('GET', '/api/v1/files/')).status, 401);
  });

  test('keeps its text when it is renamed, and its name when its text changes', async () => {
    const { id } = await upload(una, 'draft.txt', 'old', 'text/plain', now);
    const [renamed] = await Promise.all([
      una.call('POST', `/api/v1/files/${id}/rename`, { json: { filename: 'final.txt' } }),
      una.call('POST', `/api/v1/files/${id}/data/content/update`, { json: { content: 'new' } }),
    ]);
    assert.equal(renamed.status, 200);
    const whole = await una.ok<FileBody>('GET', `/api/v1/files/${id}`);
    assert.deepEqual([whole.filename, whole.meta.name, whole.data.content], ['final.txt', 'final.txt', 'new']);
    assert.equal(whole.hash, createHash('sha256').update('new').digest('hex'));
  });

  test('is served with its type, in parts, and never as a page of this site', async () => {
    const html = await upload(una, 'own.html', '<script>1</script>', 'text/html', { process: 'false' });
    const page = await una.call('GET', `/api/v1/files/${html.id}/content`);
    assert.match(page.headers.get('content-disposition') ?? '', /^attachment/);
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
    assert.equal((await una.call('GET', `/api/v1/files/${html.id}/content/html`)).status, 404);
    const text = await upload(una, 'caf\u00e9 \u00fc.txt', 'abcdefgh', 'text/plain', { process: 'false' });
    const part = await una.call('GET', `/api/v1/files/${text.id}/content`, {
      query: { attachment: 'true' },
      headers: { range: 'bytes=2-4' },
    });
    assert.deepEqual([part.status, part.body, part.headers.get('content-range')], [206, 'cde', 'bytes 2-4/8']);
    assert.equal(part.headers.get('content-disposition'), "attachment; filename*=UTF-8''caf%C3%A9%20%C3%BC.txt");
    const odd = await upload(una, 'odd.bin', 'x', 'x', { process: 'false' });
    const served = await una.call('GET', `/api/v1/files/${odd.id}/content`);
    assert.equal(served.headers.get('content-type'), 'application/octet-stream');
  });

  test('goes with its bytes, and emptying everything is for administrators', async () => {
    const { id, path = '' } = await upload(una, 'gone.txt', 'x', 'text/plain', now);
    await una.ok('DELETE', `/api/v1/files/${id}`);
    assert.equal((await una.call('GET', `/api/v1/files/${id}`)).status, 404);
    assert.ok(!(await kept()).includes(path.split('/').at(-1) ?? ''));
    assert.equal((await una.call('DELETE', '/api/v1/files/all')).status, 401);
    assert.equal((await una.call('DELETE', `/api/v1/files/${randomUUID()}`)).status, 404);
  });
});
