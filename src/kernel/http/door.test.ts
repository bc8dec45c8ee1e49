import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createDoor } from './door.ts';

describe('the door before the start is over', () => {
  it('answers probes at once and lets other requests wait for the server', async () => {
    const door = createDoor();
    await door.listen('127.0.0.1', 0);
    const base = door.address;
    try {
      assert.equal((await fetch(`${base}/health`)).status, 200);
      const ready = await fetch(`${base}/ready`);
      assert.deepEqual([ready.status, await ready.json()], [503, { detail: 'Startup not complete' }]);
      const waiting = fetch(`${base}/api/config`);
      // The request has arrived once this later one on the same server was answered.
      await fetch(`${base}/health`);
      door.lead((_request, response) => response.end('served'));
      door.open();
      assert.equal(await (await waiting).text(), 'served');
      assert.equal(await (await fetch(`${base}/api/config`)).text(), 'served');
    } finally {
      await door.close(100);
    }
  });
});
