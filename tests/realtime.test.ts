import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { signUp } from './support/client.ts';
import { startServer, type TestServer } from './support/server.ts';
import { connectSocket } from './support/socket.ts';

describe('sockets', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer({ provider: null });
  });
  after(() => server.stop());

  it('signs in, joins and beats', async () => {
    const admin = await signUp(server);
    const socket = await connectSocket(server.base, admin);
    assert.deepEqual(await socket.raw.emitWithAck('user-join', { auth: { token: admin.token } }), {
      id: admin.id,
      name: admin.name,
    });
    assert.equal(await socket.raw.emitWithAck('heartbeat', {}), undefined);
    socket.close();
  });
});
