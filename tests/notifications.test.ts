import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sendTurn } from './support/chat.ts';
import { type Account, addAccount, signUp } from './support/client.ts';
import { startReceiver } from './support/receiver.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket } from './support/socket.ts';
import { until } from './support/wait.ts';

describe('telling others what happens', () => {
  let server: TestServer;
  let admin: Account;
  const receiver = startReceiver();
  const got = (path: string) => receiver.got.filter((one) => one.path === path).map(({ body }) => body);
  before(async () => {
    server = await startServer({ env: { ENABLE_USER_WEBHOOKS: 'true', ENABLE_LOCAL_WEB_FETCH: 'true' } });
    admin = await signUp(server);
  });
  after(async () => {
    receiver.server.closeAllConnections();
    receiver.server.close();
    await server.stop();
  });
  const webhook = (json: object) => admin.ok<{ id: string }>('POST', '/api/events/webhooks', { json });
  const target = (json: object) => admin.ok('POST', '/api/v1/notifications/targets', { json });

  it('tells a user of finished chats, one bad address not keeping others from it', async () => {
    const events = ['chat.finished'];
    await target({ id: 'bad', events, delivery: 'always', config: { url: receiver.url('/fail') } });
    await target({ id: 'hang', events, delivery: 'always', config: { url: receiver.url('/hang') } });
    await target({ id: 'good', events, delivery: 'always', config: { url: receiver.url('/good') } });
    await target({ id: 'away', events, config: { url: receiver.url('/away') } });
    const socket = await connectSocket(server.base, admin);
    const { chatId } = await sendTurn(admin, socket);
    await until(() => got('/good').length === 1);
    const [told] = got('/good');
    assert.equal(told?.action, 'chat');
    assert.match(String(told?.url), new RegExp(`/c/${chatId}$`));
    assert.ok(String(told?.message).length > 0);
    await until(() => got('/fail').length === 1);
    assert.equal(got('/away').length, 0);
    const refused = await admin.call('POST', '/api/v1/notifications/targets/bad/test');
    assert.deepEqual([refused.status, refused.body], [400, { detail: 'Webhook delivery failed' }]);
    socket.close();
  });

  it('keeps addresses to itself', async () => {
    const { targets } = await admin.ok<{ targets: { id: string; config: object }[] }>(
      'GET',
      '/api/v1/notifications/targets',
    );
    assert.deepEqual(targets.find(({ id }) => id === 'good')?.config, { url_masked: 'http://127.0.0.1/...good' });
    const person = await addAccount(admin, 'person');
    assert.equal((await person.call('GET', '/api/v1/notifications/targets')).status, 403);
  });

  it('tells webhooks what they asked for, in order, and of whom', async () => {
    const person = await addAccount(admin, 'noter');
    await webhook({ url: receiver.url('/notes'), events: ['note.*'] });
    await webhook({
      url: receiver.url('/persons'),
      targets: [{ type: 'user', id: person.id }],
      events: ['note.created'],
    });
    await webhook({ url: receiver.url('/nobody'), targets: [], events: ['*'] });
    for (const [index, who] of [admin, person, admin].entries()) {
      await who.ok('POST', '/api/v1/notes/create', { json: { title: `note ${index}` } });
    }
    await until(() => got('/notes').length === 3 && got('/persons').length === 1);
    assert.deepEqual(
      got('/notes').map(({ data }) => (data as { title: string }).title),
      ['note 0', 'note 1', 'note 2'],
    );
    const [event] = got('/persons');
    assert.equal((event?.actor as { id: string } | undefined)?.id, person.id);
    assert.equal(event?.event, 'note.created');
    assert.equal(got('/nobody').filter((one) => String(one.event).startsWith('note.')).length, 0);
    assert.doesNotMatch(JSON.stringify(receiver.got), /password|"token"/);
  });
});
