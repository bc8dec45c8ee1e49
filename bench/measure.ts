import { randomUUID } from 'node:crypto';
import { appending, searches, writing } from './chats.ts';
import { gateway } from './gateway.ts';
import { live } from './live.ts';
import { load } from './load.ts';
import { alone, seedPeople, sessionOf } from './people.ts';
import { relay } from './relay.ts';
import { SECRET, type ServerUnderTest, startServer } from './server-process.ts';

/** Figures by name, in the order measured. */
export type Measurements = Map<string, number>;

export interface Plan {
  provider: string;
  /** A data folder written by release 0.12.4, copied for the start measurement. */
  fixture: string | undefined;
  parts: readonly string[];
  seconds: number;
}

const LIVE_SIZES = [1, 25, 100, 300];
const MANY_CHATS = 20_000;
const FEW_CHATS = 300;

/** Measures one server from start to live conversations. */
export async function measure(command: string, plan: Plan): Promise<Measurements> {
  const figures: Measurements = new Map();
  const has = (part: string) => plan.parts.includes(part);
  if (has('start') && plan.fixture) {
    const server = await startServer(command, { provider: plan.provider, fixture: plan.fixture });
    figures.set('start on fixture, s', server.startedIn);
    await server.stop();
  }
  const server = await startServer(command, { provider: plan.provider });
  try {
    figures.set('start on empty folder, s', server.startedIn);
    const admin = await signUp(server);
    await get(server, admin, '/api/models');
    await get(server, admin, '/api/v1/chats/?page=1');
    figures.set('idle memory after first use, MB', await server.memory());
    if (has('requests')) await requests(server, admin, plan, figures);
    if (has('relay')) await relayed(server, admin, figures);
    if (has('tools')) await toolRounds(server, admin, figures);
    if (has('live')) await conversations(server, admin, figures);
    figures.set('memory at the end, MB', await server.memory());
  } finally {
    await server.stop();
  }
  if (has('gateway')) await gateway({ ...plan, command }, figures);
  if (has('people')) await manyPeople(command, plan, figures);
  return figures;
}

/** Accounts, groups and permissions of a large installation; on a server of its own, where nothing else is kept. */
async function manyPeople(command: string, plan: Plan, figures: Measurements): Promise<void> {
  const server = await startServer(command, { provider: plan.provider });
  try {
    const admin = await signUp(server);
    const { people } = seedPeople(server);
    // A change that the server makes itself lets it see what was written behind its back.
    await call(server, admin, 'POST', '/api/v1/groups/create', { name: 'one more', description: '' });
    const one = async (name: string, path: string) => {
      const { port, cpu } = server;
      const result = await load({ port, path, token: admin, seconds: plan.seconds, cpu, connections: 1 });
      if (result.failed > 0) throw new Error(`${name}: ${result.failed} answers were not 200`);
      figures.set(`${name}, requests/s`, result.rate);
      figures.set(`${name}, p99 ms`, result.p99);
    };
    await one('users page (10,000)', '/api/v1/users/?page=1');
    await one('users page 200 by name', '/api/v1/users/?page=200&order_by=name&direction=asc');
    await one('users found by a part of the name', '/api/v1/users/search?query=person%209');
    await one('groups (500)', '/api/v1/groups/');
    const member = sessionOf(people[1] ?? '', SECRET);
    figures.set(
      'permissions by 15 groups, p99 ms',
      await alone(server, member, '/api/v1/users/permissions', plan.seconds),
    );
  } finally {
    await server.stop();
  }
}

async function requests(server: ServerUnderTest, admin: string, plan: Plan, figures: Measurements): Promise<void> {
  const one = async (name: string, path: string, token = admin, body?: unknown) => {
    const method = body === undefined ? 'GET' : 'POST';
    const result = await load({ port: server.port, path, token, seconds: plan.seconds, cpu: server.cpu, method, body });
    if (result.failed > 0) throw new Error(`${name}: ${result.failed} answers were not 200`);
    figures.set(`${name}, requests/s`, result.rate);
    figures.set(`${name}, p99 ms`, result.p99);
  };
  const few = await account(server, admin, 'few');
  /** What somebody else waits while the large chat is read again and again. */
  const beside = async (path: string, headers: Record<string, string>) => {
    const common = { port: server.port, seconds: plan.seconds, cpu: server.cpu };
    const [large, small] = await Promise.all([
      load({ ...common, path, token: few, headers, connections: 8 }),
      load({ ...common, path: '/api/v1/auths/', token: admin, connections: 4 }),
    ]);
    return { large, small };
  };
  await seed(server, few, FEW_CHATS);
  const small = await newChat(server, few, 10, 200);
  const large = await newChat(server, few, 500, 10_000);
  await one('config', '/api/config');
  await one('session', '/api/v1/auths/');
  await one('chat list (300)', '/api/v1/chats/?page=1', few);
  await one('chat get (small)', `/api/v1/chats/${small}`, few);
  await one('chat get (5 MB)', `/api/v1/chats/${large}`, few);
  for (const encoding of ['identity', 'br, gzip']) {
    const result = await beside(`/api/v1/chats/${large}`, { 'Accept-Encoding': encoding });
    figures.set(`chat get (5 MB, ${encoding}) beside sessions, requests/s`, result.large.rate);
    figures.set(`session beside chat get (5 MB, ${encoding}), p99 ms`, result.small.p99);
  }
  await one('folders', '/api/v1/folders/', few);
  await one('models', '/api/models');
  await one('API completion', '/api/chat/completions', admin, {
    model: 'hello',
    messages: [{ role: 'user', content: 'Hi' }],
    stream: false,
  });
  const many = await account(server, admin, 'many');
  await seed(server, many, MANY_CHATS);
  await one('chat list (20,000)', '/api/v1/chats/?page=1', many);
  const subject = { server, call, seconds: plan.seconds, figures };
  await searches({ ...subject, token: many });
  const list = (await get(server, few, '/api/v1/chats/')) as { id: string }[];
  await writing(
    { ...subject, token: few },
    list.map(({ id }) => id).filter((id) => id !== small && id !== large),
  );
  const long = await newChat(server, few, 1_000, 10_000);
  const { current_message_id: last } = (await get(server, few, `/api/v1/chats/${long}`)) as {
    current_message_id: string;
  };
  await appending({ ...subject, token: few }, long, last);
}

async function relayed(server: ServerUnderTest, admin: string, figures: Measurements): Promise<void> {
  const result = await relay(server, admin, 'stream-20000-0', 8);
  figures.set('relay, tokens/s', result.rate);
  figures.set('relay, CPU ms per 1,000 tokens', result.cpuPerThousand);
}

const TOOL_ROUNDS = 100;

/** From the end of what the model says until it is asked again with the result, what else a reply costs included. */
async function toolRounds(server: ServerUnderTest, admin: string, figures: Measurements): Promise<void> {
  const options = { server, tokens: [admin], model: `tools-${TOOL_ROUNDS}`, conversations: 1, patience: 60 };
  await live(options);
  const { finished, seconds } = await live(options);
  if (finished !== 1) throw new Error('the reply with tool rounds did not end');
  figures.set('tool round, ms', (seconds * 1_000) / TOOL_ROUNDS);
}

async function conversations(server: ServerUnderTest, admin: string, figures: Measurements): Promise<void> {
  const tokens: string[] = [];
  for (let made = 0; made < Math.max(...LIVE_SIZES); made += 4) {
    tokens.push(...(await Promise.all([0, 1, 2, 3].map((i) => account(server, admin, `live${made + i}`)))));
  }
  const run = async (model: string, size: number, label: string) => {
    const result = await live({ server, tokens, model, conversations: size, patience: 120 });
    figures.set(`${label}: finished`, result.finished);
    figures.set(`${label}: seconds`, result.seconds);
    figures.set(`${label}: added latency p50, ms`, result.latencyP50);
    figures.set(`${label}: added latency p99, ms`, result.latencyP99);
    figures.set(`${label}: CPU ms per 1,000 tokens`, result.cpuPerThousand);
    figures.set(`${label}: bytes per token`, result.bytesPerToken);
    figures.set(`${label}: frames per token`, result.framesPerToken);
  };
  for (const size of LIVE_SIZES) await run('clock-500-50', size, `live ${size} x 50 tokens/s`);
  await run('clock-1000-1000', 1, 'live 1 x 1,000 tokens/s');
}

/** One request of an account; throws unless the answer is fine. */
export type Call = typeof call;

async function call(
  server: ServerUnderTest,
  token: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const reply = await fetch(server.base + path, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!reply.ok) throw new Error(`${method} ${path} answered ${reply.status}: ${(await reply.text()).slice(0, 200)}`);
  return reply.json();
}

const get = (server: ServerUnderTest, token: string, path: string) => call(server, token, 'GET', path);

async function signUp(server: ServerUnderTest): Promise<string> {
  const form = { name: 'Bench', email: 'bench@example.com', password: 'Correct-horse-1' };
  return tokenOf(await call(server, '', 'POST', '/api/v1/auths/signup', form));
}

async function account(server: ServerUnderTest, admin: string, name: string): Promise<string> {
  const form = { name, email: `${name}@example.com`, password: 'Battery-staple-2', role: 'user' };
  return tokenOf(await call(server, admin, 'POST', '/api/v1/auths/add', form));
}

function tokenOf(session: unknown): string {
  const { token } = session as { token?: string };
  if (!token) throw new Error('the account came without a token');
  return token;
}

function chatDocument(title: string, messages: number, bytes: number): unknown {
  const ids = Array.from({ length: messages }, () => randomUUID());
  const entries = ids.map((id, index) => [
    id,
    {
      id,
      parentId: ids[index - 1] ?? null,
      childrenIds: ids.slice(index + 1, index + 2),
      role: index % 2 === 0 ? 'user' : 'assistant',
      content: 'lorem ipsum '.repeat(Math.ceil(bytes / 12)),
      timestamp: 1_700_000_000 + index,
      ...(index % 2 === 0 ? { models: ['hello'] } : { model: 'hello', done: true }),
    },
  ]);
  const history = { currentId: ids.at(-1) ?? null, messages: Object.fromEntries(entries) };
  return { title, models: ['hello'], params: {}, history, messages: [], tags: [], timestamp: Date.now() };
}

async function newChat(server: ServerUnderTest, token: string, messages: number, bytes: number): Promise<string> {
  const chat = chatDocument(`Chat of ${messages}`, messages, bytes);
  const made = (await call(server, token, 'POST', '/api/v1/chats/new', { chat })) as { id: string };
  return made.id;
}

async function seed(server: ServerUnderTest, token: string, count: number): Promise<void> {
  const batch = 250;
  for (let done = 0; done < count; done += batch) {
    const chats = Array.from({ length: Math.min(batch, count - done) }, (_, i) => ({
      chat: chatDocument(`Chat ${done + i}`, 2, 100),
      meta: {},
      pinned: false,
      folder_id: null,
    }));
    await call(server, token, 'POST', '/api/v1/chats/import', { chats });
  }
}
