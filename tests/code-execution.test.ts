import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sendTurn } from './support/chat.ts';
import type { Account } from './support/client.ts';
import { type Jupyter, PNG, startJupyter } from './support/jupyter.ts';
import { type Provider, startProvider } from './support/provider.ts';
import { replyOf } from './support/replies.ts';
import type { TestServer } from './support/server.ts';
import { startSite } from './support/site.ts';
import type { TestSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

describe('code that is run', () => {
  let provider: Provider;
  let jupyter: Jupyter;
  let server: TestServer;
  let admin: Account;
  let user: Account;
  let socket: TestSocket;

  before(async () => {
    jupyter = await startJupyter();
    provider = await startProvider({ models: ['calls-execute_code', 'coder'] });
    ({ server, admin, user, socket } = await startSite({
      provider,
      env: { BYPASS_MODEL_ACCESS_CONTROL: 'true', CODE_INTERPRETER_BLOCKED_MODULES: 'socket' },
    }));
  });
  after(async () => {
    socket?.close();
    await server?.stop();
    await provider?.stop();
    await jupyter?.stop();
  });

  const configure = async (changes: Record<string, unknown>) => {
    const before = await admin.ok<Record<string, unknown>>('GET', '/api/v1/configs/code_execution');
    await admin.ok('POST', '/api/v1/configs/code_execution', { json: { ...before, ...changes } });
  };
  const onJupyter = (prefix: string, changes: Record<string, unknown>) =>
    configure(Object.fromEntries(Object.entries(changes).map(([key, value]) => [`${prefix}_${key}`, value])));
  const run = (code: string) => user.ok('POST', '/api/v1/utils/code/execute', { json: { code } });
  const withToken = (token: string) => ({
    ENGINE: 'jupyter',
    JUPYTER_URL: jupyter.url,
    JUPYTER_AUTH: 'token',
    JUPYTER_AUTH_TOKEN: token,
    JUPYTER_TIMEOUT: 1,
  });

  it('is refused where the site runs it in the browser', async () => {
    const answer = await user.call('POST', '/api/v1/utils/code/execute', { json: { code: '1' } });
    assert.deepEqual([answer.status, answer.body], [400, { detail: '[ERROR: Code execution engine not supported]' }]);
  });

  it('gives what it wrote, its values, pictures and errors', async () => {
    await onJupyter('CODE_EXECUTION', withToken('right'));
    assert.deepEqual(await run('print one\nprint two\n42\nplot\nfail'), {
      stdout: 'one\ntwo\n',
      stderr: 'Traceback\nZeroDivisionError',
      result: `42\ndata:image/png;base64,${PNG}`,
    });
    await until(() => jupyter.kernels.size === 0, { what: 'the kernel to be gone' });
  });

  it('is given up when the kernel says nothing, and tells what goes wrong without secrets', async () => {
    assert.deepEqual(await run('print begun\nhang'), { stdout: 'begun\n', stderr: 'Execution timed out.', result: '' });
    await until(() => jupyter.kernels.size === 0, { what: 'the kernel to be gone' });
    await onJupyter('CODE_EXECUTION', withToken('wrong'));
    assert.deepEqual(await run('1'), { stdout: '', stderr: 'Error: the Jupyter server answered 403', result: '' });
    await onJupyter('CODE_EXECUTION', { JUPYTER_URL: 'http://127.0.0.1:9', JUPYTER_AUTH: '' });
    assert.match(String((await run('1')).stderr), /^Error: /);
  });

  it('is over when the kernel says so, however long that takes to end', async () => {
    await onJupyter('CODE_EXECUTION', withToken('right'));
    jupyter.slowness = 1_200;
    const output = await run('print done');
    jupyter.slowness = 0;
    assert.deepEqual(output, { stdout: 'done\n', stderr: '', result: '' });
  });

  it('runs behind a password', async () => {
    const password = { JUPYTER_URL: jupyter.url, JUPYTER_AUTH: 'password', JUPYTER_AUTH_PASSWORD: 'open' };
    await onJupyter('CODE_EXECUTION', password);
    assert.equal((await run('7')).result, '7');
    await onJupyter('CODE_EXECUTION', { JUPYTER_AUTH_PASSWORD: 'shut' });
    assert.match(String((await run('7')).stderr), /refused the password/);
  });

  /** What the model was told of a run. */
  async function tool(code: string): Promise<Record<string, string>> {
    const content = JSON.stringify({ code });
    const extra = { features: { code_interpreter: true } };
    const turn = await sendTurn(user, socket, { model: 'calls-execute_code', content, extra });
    const reply = await replyOf(user, turn.chatId, turn.replyId);
    return JSON.parse(reply.content.replace(/^Tool said: /, '')) as Record<string, string>;
  }

  it('is run for models in the tab of the user', async () => {
    const seen: Record<string, unknown>[] = [];
    const answer = (
      { data }: { data: { type: string; data: Record<string, unknown> } },
      ack: (answer: unknown) => void,
    ) => {
      if (data.type !== 'execute:python') return;
      seen.push(data.data);
      ack(seen.length === 1 ? { stdout: 'hi', stderr: null, result: 3 } : { error: 'No Pyodide here' });
    };
    socket.raw.on('events', answer);
    try {
      const result = await tool('```python\nprint("hi")\n```');
      assert.deepEqual(result, { status: 'success', stdout: 'hi', stderr: '', result: '3' });
      assert.match(String(seen[0]?.code), /"socket"[\s\S]*\nprint\("hi"\)$/);
      assert.equal(seen[0]?.session_id, socket.id);
      assert.deepEqual(await tool('1'), { error: 'No Pyodide here' });
    } finally {
      socket.raw.off('events', answer);
    }
  });

  it('is run for models that call no tools', async () => {
    const answer = ({ data }: { data: { type: string } }, ack: (answer: unknown) => void) => {
      if (data.type === 'execute:python') ack({ stdout: 'hi', stderr: '', result: '' });
    };
    socket.raw.on('events', answer);
    try {
      const extra = { params: { function_calling: 'legacy' }, features: { code_interpreter: true } };
      const turn = await sendTurn(user, socket, { model: 'coder', content: 'What is it?', extra });
      const asked = provider.chats().at(-2)?.body.messages as { content: string }[];
      assert.match(asked.at(-1)?.content ?? '', /^What is it\?\n[\s\S]*<code_interpreter type="code"[\s\S]*Pyodide/);
      const reply = await replyOf(user, turn.chatId, turn.replyId);
      assert.equal(reply.content, 'Let me see. \nIt gave hi.');
      const block = reply.output?.[1] as unknown as Record<string, unknown>;
      assert.deepEqual(
        [block.type, block.status, block.lang, block.code, block.output],
        ['open_webui:code_interpreter', 'completed', 'python', 'print("hi")', { stdout: 'hi', stderr: '', result: '' }],
      );
      const plain = await sendTurn(user, socket, { model: 'coder', extra: { params: { function_calling: 'legacy' } } });
      assert.match((await replyOf(user, plain.chatId, plain.replyId)).content, /nonsense/);
    } finally {
      socket.raw.off('events', answer);
    }
  });

  it('is run for models on the server of the site, its pictures kept as files', async () => {
    await onJupyter('CODE_INTERPRETER', withToken('right'));
    const { status, result = '' } = await tool('plot');
    assert.equal(status, 'success');
    const [, address = ''] = /!\[Output Image\]\((.+)\)$/.exec(result) ?? [];
    assert.match(address, /^\/api\/v1\/files\/[\w-]+\/content$/);
    assert.equal((await user.call('GET', address)).status, 200);
  });
});
