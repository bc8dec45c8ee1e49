import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import pg from 'pg';
import { missingDatabase, missingRedis, redisUrl } from '../../../tests/support/databases.ts';
import {
  collect,
  flush,
  postgresBus,
  redisBus,
  type SocketNode,
  startNode,
} from '../../../tests/support/socket-node.ts';
import { until } from '../../../tests/support/wait.ts';
import type { Log } from '../telemetry/log.ts';
import { CallTimeout, SocketGone } from './index.ts';

const POSTGRES = process.env.LOGGIA_TEST_POSTGRESQL_URL ?? 'postgresql://postgres@127.0.0.1:5432/postgres';

describe('sockets of one process', () => {
  let node: SocketNode;
  before(async () => {
    node = await startNode();
  });
  after(() => node.stop());

  it('sends once to each socket of the rooms, except to those left out', async () => {
    const [a, b, c] = [await node.client(), await node.client(), await node.client()];
    const got = [a, b, c].map((socket) => collect(socket, 'hello'));
    await Promise.all([a.emitWithAck('join', 'x'), b.emitWithAck('join', 'x'), c.emitWithAck('join', 'y')]);
    await a.emitWithAck('join', 'y');
    node.realtime.emit({ rooms: ['x', 'y'] }, 'hello', 1);
    node.realtime.emit({ rooms: ['x', 'y'], except: ['y'] }, 'hello', 2);
    node.realtime.emit({ rooms: [c.id ?? ''] }, 'hello', 3);
    await Promise.all([a, b, c].map(flush));
    assert.deepEqual(got, [[1], [1, 2], [1, 3]]);
  });

  it('writes integers beyond 2^53 with all digits, in events, calls and acknowledgements', async () => {
    const socket = await node.client();
    const texts: string[] = [];
    socket.io.engine.on('packet', (packet: { data?: string }) => texts.push(String(packet.data)));
    const at = 1_764_082_822_123_456_789n;
    node.realtime.handle('time', () => ({ at }));
    socket.on('ask', (_payload: unknown, answer: (value: string) => void) => answer('ok'));
    node.realtime.emit({ rooms: [socket.id ?? ''] }, 'hello', { at });
    assert.deepEqual(await node.realtime.call(socket.id ?? '', 'ask', { at }), ['ok']);
    await socket.emitWithAck('time');
    assert.equal(texts.filter((text) => text.includes('"at":1764082822123456789')).length, 3, texts.join('\n'));
  });

  it('keeps long and wide texts whole', async () => {
    const socket = await node.client();
    const got = collect(socket, 'hello');
    const texts = ['', 'ä'.repeat(100), '€'.repeat(40_000), 'x'.repeat(125), 'x'.repeat(65_536), '😀'.repeat(30_000)];
    for (const text of texts) node.realtime.emit({ rooms: [socket.id ?? ''] }, 'hello', text);
    await flush(socket);
    assert.deepEqual(got, texts);
  });

  it('acknowledges nothing when a handler fails, and goes on', async () => {
    const socket = await node.client();
    await assert.rejects(socket.timeout(300).emitWithAck('fail'));
    assert.equal(await flush(socket), undefined);
    assert.ok(node.output.some((line) => line.includes('on purpose')));
  });

  it('tells callers that the client is gone, late, or that they gave up', async () => {
    const { realtime } = node;
    const socket = await node.client();
    const id = socket.id ?? '';
    await assert.rejects(realtime.call('nobody', 'ask', {}), SocketGone);
    await assert.rejects(realtime.call(id, 'ask', {}, { timeoutMs: 20 }), CallTimeout);
    const controller = new AbortController();
    const given = realtime.call(id, 'ask', {}, { signal: controller.signal });
    controller.abort(new Error('given up'));
    await assert.rejects(given, /given up/);
    const gone = realtime.call(id, 'ask', {});
    socket.close();
    await assert.rejects(gone, SocketGone);
  });

  it('drops a client that does not read, and serves the others meanwhile', async () => {
    const { realtime, port } = node;
    const reader = await node.client();
    await reader.emitWithAck('join', 'crowd');
    const got = collect(reader, 'hello');
    // A client of its own, that stops reading once it is in the room.
    const deaf = connect(port, '127.0.0.1');
    await once(deaf, 'connect');
    deaf.write(
      'GET /ws/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
    await once(deaf, 'data');
    deaf.write(maskedText('40'));
    await once(deaf, 'data');
    deaf.write(maskedText('42["join","crowd"]'));
    await until(() => realtime.socketsIn('crowd').length === 2);
    deaf.pause();
    const text = 'x'.repeat(256 * 1024);
    let sent = 0;
    while (realtime.socketsIn('crowd').length === 2) {
      assert.ok(sent < 200, 'memory grows without bound');
      realtime.emit({ rooms: ['crowd'] }, 'hello', text);
      sent += 1;
      await flush(reader);
    }
    assert.equal(got.length, sent);
    assert.ok(node.output.some((line) => line.includes('does not read')));
    deaf.destroy();
  });

  it('answers other upgrades as ordinary requests, and unknown WebSockets with 404', async () => {
    assert.match(
      await rawAnswer(
        node.port,
        'GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n',
      ),
      /^HTTP\/1.1 404 /,
    );
    assert.match(
      await rawAnswer(
        node.port,
        'GET /ws/other HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      ),
      /^HTTP\/1.1 404 /,
    );
  });
});

async function rawAnswer(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(request);
  const [chunk] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return chunk.toString();
}

function maskedText(text: string): Buffer {
  const payload = Buffer.from(text);
  assert.ok(payload.length < 126);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

describe('who is let in', () => {
  const url = (port: number, query: string) => `http://127.0.0.1:${port}/ws/socket.io/?${query}`;

  it('refuses the other transport, old protocols, unknown sessions and foreign origins', async () => {
    const node = await startNode({ origins: ['https://good.example'] });
    try {
      const ask = async (query: string, init?: RequestInit) => {
        const answer = await fetch(url(node.port, query), init);
        return [answer.status, answer.headers.get('content-type'), await answer.text()];
      };
      const refused = (text: string) => [400, 'text/plain', JSON.stringify(text)];
      assert.deepEqual(await ask('EIO=4&transport=polling'), refused('Invalid transport'));
      assert.deepEqual(await ask('EIO=4&transport=websocket&sid=none'), refused('Invalid session none'));
      assert.equal((await ask('EIO=3&transport=websocket'))[0], 400);
      await assert.rejects(node.client({ headers: { origin: 'https://bad.example' } }));
      const upgrade =
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
      const bad = await rawAnswer(
        node.port,
        `GET /ws/socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nOrigin: https://bad.example\r\n${upgrade}\r\n\r\n`,
      );
      assert.match(bad, /^HTTP\/1.1 400 [\s\S]*"https:\/\/bad.example is not an accepted origin."$/);
      await node.client({ headers: { origin: 'https://good.example' } });
      await node.client();
    } finally {
      await node.stop();
    }
  });

  it('polls where WebSockets are off', async () => {
    const node = await startNode({ websocket: false });
    try {
      const answer = await fetch(url(node.port, 'EIO=4&transport=polling'), {
        headers: { origin: 'https://any.example' },
      });
      assert.equal(answer.headers.get('access-control-allow-origin'), 'https://any.example');
      const hello = JSON.parse((await answer.text()).slice(1)) as Record<string, unknown>;
      assert.deepEqual(hello.upgrades, []);
      assert.equal(hello.maxPayload, 16 * 1024 * 1024);
      const socket = await node.client();
      const got = collect(socket, 'hello');
      node.realtime.emit({ rooms: [socket.id ?? ''] }, 'hello', { text: 'ä€😀' });
      await until(() => got.length === 1);
      assert.deepEqual(got, [{ text: 'ä€😀' }]);
    } finally {
      await node.stop();
    }
  });
});

const prefix = `loggia-test-${process.pid}`;
const noRedis = await missingRedis();
const noPostgres = await missingDatabase('postgresql');

const carriers = [
  {
    name: 'Redis',
    skip: noRedis,
    makeBus: (log: Log) => redisBus(prefix, log),
    async cut() {
      const redis = new Redis(redisUrl);
      let killed = 0;
      for (const line of String(await redis.client('LIST')).split('\n')) {
        const id = line.includes(`name=${prefix}`) && /^id=(\d+)/.exec(line)?.[1];
        if (id) killed += Number(await redis.client('KILL', 'ID', id));
      }
      assert.equal(killed, 4);
      redis.disconnect();
    },
  },
  {
    name: 'PostgreSQL',
    skip: noPostgres,
    makeBus: (log: Log) => postgresBus(POSTGRES, prefix, log),
    async cut() {
      const client = new pg.Client({ connectionString: POSTGRES });
      await client.connect();
      const { rowCount } = await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1`,
        [prefix],
      );
      assert.equal(rowCount, 2);
      await client.end();
    },
  },
];

for (const { name, skip, makeBus, cut } of carriers) {
  describe(`sockets of two processes over ${name}`, { skip }, () => {
    let one: SocketNode;
    let two: SocketNode;
    before(async () => {
      [one, two] = await Promise.all([startNode({ makeBus }), startNode({ makeBus })]);
      // They have met when a socket of one is known to the other.
      for (const [here, there] of [
        [one, two],
        [two, one],
      ] as const) {
        const socket = await here.client();
        await until(() => there.realtime.isConnected(socket.id ?? ''));
      }
    });
    after(async () => {
      await one?.stop();
      await two?.stop();
    });

    it('reaches rooms of the other process, with long texts and big integers', async () => {
      const [a, b] = [await one.client(), await two.client()];
      const got = [collect(a, 'hello'), collect(b, 'hello')];
      await Promise.all([a.emitWithAck('join', 'r'), b.emitWithAck('join', 'r')]);
      const texts = ['short', 'ä€😀\u0000\ud800'.repeat(10), 'long '.repeat(10_000), '€'.repeat(60_000)];
      for (const text of texts) one.realtime.emit({ rooms: ['r'] }, 'hello', text);
      one.realtime.emit({ rooms: ['r'], except: [b.id ?? ''] }, 'hello', 'not for b');
      one.realtime.emit({ rooms: ['r'], local: true }, 'hello', 'not for b');
      one.realtime.emit({ rooms: [b.id ?? ''] }, 'hello', 'for b');
      await until(() => got[1]?.includes('for b'));
      assert.deepEqual(got[0], [...texts, 'not for b', 'not for b']);
      assert.deepEqual(got[1], [...texts, 'for b']);
    });

    it('asks sockets of the other process', async () => {
      const socket = await two.client();
      const id = socket.id ?? '';
      const at = 1_764_082_822_123_456_789n;
      const texts: string[] = [];
      socket.io.engine.on('packet', (packet: { data?: string }) => texts.push(String(packet.data)));
      socket.on('ask', (payload: { at: number }, answer: (...values: unknown[]) => void) =>
        answer(typeof payload.at, 2),
      );
      await until(() => one.realtime.isConnected(id));
      assert.deepEqual(await one.realtime.call(id, 'ask', { at }), ['number', 2]);
      assert.ok(texts.some((text) => text.includes('1764082822123456789')));
      await assert.rejects(one.realtime.call(id, 'silence', {}, { timeoutMs: 50 }), CallTimeout);
      const gone = one.realtime.call(id, 'silence', {});
      socket.close();
      await assert.rejects(gone, SocketGone);
      await until(() => !one.realtime.isConnected(id));
    });

    it('knows who is in a room, puts them into others and ends them', async () => {
      const [a, b] = [await one.client(), await two.client()];
      await Promise.all([a.emitWithAck('name', 'Ann'), b.emitWithAck('name', 'Bob')]);
      await Promise.all([a.emitWithAck('join', 'hall'), b.emitWithAck('join', 'hall')]);
      for (const { realtime } of [one, two]) {
        const names = () =>
          realtime
            .socketsIn('hall')
            .map(({ user }) => user?.name)
            .sort();
        await until(() => names().length === 2);
        assert.deepEqual(names(), ['Ann', 'Bob']);
      }
      one.realtime.join({ rooms: ['hall'] }, ['cellar']);
      await until(() => one.realtime.socketsIn('cellar').length === 2);
      one.realtime.leave({ rooms: ['cellar'] }, ['hall']);
      await until(() => one.realtime.socketsIn('hall').length === 0);
      const ended = [a, b].map((socket) => new Promise((resolve) => socket.once('disconnect', resolve)));
      one.realtime.disconnect({ rooms: ['cellar'] });
      assert.deepEqual(await Promise.all(ended), ['io server disconnect', 'io server disconnect']);
      await until(() => two.realtime.socketsIn('cellar').length === 0);
    });

    it('knows everything again after its connections were cut', async () => {
      const stays = await one.client();
      await stays.emitWithAck('join', 'before');
      await cut();
      const comes = await two.client();
      await comes.emitWithAck('join', 'meanwhile');
      await until(() => one.realtime.socketsIn('meanwhile').length === 1);
      await until(() => two.realtime.socketsIn('before').length === 1);
      const got = collect(comes, 'hello');
      await until(() => {
        one.realtime.emit({ rooms: ['meanwhile'] }, 'hello', 1);
        return got.length > 0;
      });
    });

    it('lets a process that comes later know, and forgets one that goes', async () => {
      const socket = await one.client();
      await socket.emitWithAck('join', 'old');
      const late = await startNode({ makeBus });
      await until(() => late.realtime.socketsIn('old').length === 1);
      const guest = await late.client();
      await guest.emitWithAck('join', 'guests');
      await until(() => one.realtime.socketsIn('guests').length === 1);
      await late.stop();
      await until(() => one.realtime.socketsIn('guests').length === 0);
    });
  });
}
