import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sendTurn } from './support/chat.ts';
import { type Account, addAccount } from './support/client.ts';
import type { TestServer } from './support/server.ts';
import { startSite } from './support/site.ts';
import type { TestSocket } from './support/socket.ts';

const ZEBRA = 'The zebra is called Stripes.\nIt eats seven apples a day.';

describe('files attached to a question', () => {
  let server: TestServer;
  let admin: Account;
  let user: Account;
  let socket: TestSocket;

  before(async () => {
    ({ server, admin, user, socket } = await startSite({ env: { BYPASS_MODEL_ACCESS_CONTROL: 'true' } }));
  });
  after(async () => {
    socket?.close();
    await server?.stop();
  });

  async function upload(name: string, text: string): Promise<Record<string, unknown>> {
    const form = new FormData();
    form.set('file', new Blob([text], { type: 'text/plain' }), name);
    const query = { process: 'true', process_in_background: 'false' };
    const { id } = await user.ok<{ id: string }>('POST', '/api/v1/files/', { form, query });
    return { type: 'file', id, url: id, name };
  }
  /** The last message of the last request that was no task. */
  const shown = (): string => {
    const texts = server.provider.requests
      .filter(({ path }) => path.endsWith('/chat/completions'))
      .map(({ body }) => String((body.messages as { content: unknown }[]).at(-1)?.content));
    return texts.findLast((text) => !text.includes('"queries"')) ?? '';
  };
  const events = (replyId: string, type: string) =>
    socket
      .events(replyId)
      .filter(({ data }) => data.type === type)
      .map(({ data }) => data.data as Record<string, unknown>);

  it('are shown to the model in front of the question, and to the client as sources', async () => {
    const file = await upload('zebra.txt', ZEBRA);
    const { replyId, chatId } = await sendTurn(user, socket, { content: 'Its name?', extra: { files: [file] } });
    assert.match(
      shown(),
      new RegExp(`<source id="1" name="zebra.txt" resource-type="file" resource-id="${file.id}">${ZEBRA}</source>`),
    );
    assert.match(shown(), /<\/context>\s+Its name\?$/);
    assert.deepEqual(events(replyId, 'status'), [
      { action: 'queries_generated', queries: ['scripted query'], done: false },
      { action: 'sources_retrieved', count: 1, done: true },
    ]);
    const [told] = events(replyId, 'chat:completion').filter((data) => 'sources' in data);
    const stored = await user.ok<{ chat: { history: { messages: Record<string, { sources?: unknown[] }> } } }>(
      'GET',
      `/api/v1/chats/${chatId}`,
    );
    const kept = stored.chat.history.messages[replyId]?.sources;
    assert.deepEqual(kept, told?.sources);
    assert.equal(kept?.length, 1);
  });

  it('are shown by the passages that fit when they are long, whole when the user wants it', async () => {
    const filler = Array.from({ length: 400 }, (_, at) => `Paragraph ${at} is about nothing in particular, and long.`);
    const text = [...filler.slice(0, 200), 'The scripted answer to the query is 42.', ...filler.slice(200)].join(
      '\n\n',
    );
    const file = await upload('long.txt', text);
    await sendTurn(user, socket, { content: 'What is it?', extra: { files: [file] } });
    assert.match(shown(), /The scripted answer to the query is 42\./);
    assert.ok(shown().length < text.length / 2, `${shown().length} of ${text.length} characters`);
    const before = server.provider.requests.length;
    await sendTurn(user, socket, { content: 'All of it', extra: { files: [{ ...file, context: 'full' }] } });
    assert.ok(shown().includes(text));
    assert.equal(server.provider.requests.length, before + 1, 'no queries are asked for');
  });

  it('are nobody else’s', async () => {
    const file = await upload('secret.txt', ZEBRA);
    const other = await addAccount(admin, 'vic');
    const json = { model: 'hello', messages: [{ role: 'user', content: 'Tell me' }], files: [file] };
    const answer = await other.ok('POST', '/api/chat/completions', { json });
    assert.equal('sources' in answer, false);
    assert.equal(shown(), 'Tell me');
  });

  it('are sources for API clients too, before the model’s words', async () => {
    const file = await upload('zebra.txt', ZEBRA);
    const json = { model: 'hello', messages: [{ role: 'user', content: 'Its name?' }], files: [file] };
    const whole = await user.ok<{ sources: { document: string[] }[] }>('POST', '/api/chat/completions', { json });
    assert.deepEqual(whole.sources[0]?.document, [ZEBRA]);
    const streamed = await user.call('POST', '/api/chat/completions', { json: { ...json, stream: true } });
    assert.match(String(streamed.body), /^data: \{"sources":\[\{"source":.*\}\]\}\n\ndata: \{"id"/);
  });
});
