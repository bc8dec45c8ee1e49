import { randomUUID } from 'node:crypto';
import { type Db, json } from '../../src/kernel/database/index.ts';
import type { Cast } from './actors.ts';

/** Stands in every fixture's text: whoever may not read the object must never be sent it. */
export const MARK = 'Zq7mark-of-the-owner';

const CHAT = '5f0c7a52-0000-4000-8000-000000000001';
const MESSAGE = '5f0c7a52-0000-4000-8000-000000000002';

/** The object of each kind that a route's policy may name; all belong to the owner and lie where their readers reach them. */
export const OBJECTS: Readonly<Record<string, string>> = {
  automation: 'fx-automation',
  calendar: 'fx-calendar',
  'calendar event': 'fx-event',
  channel: 'fx-channel',
  chat: CHAT,
  feedback: 'fx-feedback',
  file: 'fx-file',
  folder: 'fx-folder',
  function: 'fx_function',
  knowledge: 'fx-knowledge',
  note: 'fx-note',
  prompt: 'fx-prompt',
  skill: 'fx-skill',
  tool: 'fx_tool',
};

/** Objects that handlers look for themselves. */
export const OTHERS = {
  memory: 'fx-memory',
  message: MESSAGE,
  model: 'fx-model',
  share: 'fx-share',
  version: 'fx-version',
  directory: 'fx-directory',
} as const;

/** Kinds that grants are given on; the others are reached through one of these. */
const GRANTED = [
  'calendar',
  'channel',
  'folder',
  'knowledge',
  'note',
  'prompt',
  'skill',
  'tool',
  'model',
  'shared_chat',
];

/** Makes one object of each kind, as rows: what routes do when they make one is not the matter here. */
export async function createFixtures(db: Db, cast: Cast): Promise<void> {
  const owner = cast.actors.find(({ name }) => name === 'owner')?.id ?? '';
  await createTexts(db, owner);
  await createWorkspace(db, owner);
  await createConversations(db, owner);
  await createDates(db, owner);
  for (const type of GRANTED) await grant(db, cast, type);
}

const times = { created_at: 1_700_000_000, updated_at: 1_700_000_000 };
const longTimes = { created_at: 1_700_000_000_000_000_000n, updated_at: 1_700_000_000_000_000_000n };

async function createTexts(db: Db, owner: string): Promise<void> {
  const { note, knowledge, file, folder } = OBJECTS as Record<string, string>;
  const own = { user_id: owner, ...times };
  await put(db, 'note', { id: note, user_id: owner, title: MARK, data: noteText(), meta: json(null), ...longTimes });
  await put(db, 'knowledge', { id: knowledge, name: MARK, description: MARK, ...own });
  const data = json({ content: MARK, status: 'completed' });
  await put(db, 'file', { id: file, filename: `${MARK}.txt`, path: '', data, meta: json({ name: MARK }), ...own });
  await put(db, 'knowledge_file', { id: randomUUID(), knowledge_id: knowledge, file_id: file, ...own });
  await put(db, 'knowledge_directory', { id: OTHERS.directory, knowledge_id: knowledge, name: MARK, ...own });
  await put(db, 'folder', { id: folder, name: MARK, is_expanded: 0, data: json({}), meta: json({}), ...own });
  await put(db, 'memory', { id: OTHERS.memory, content: MARK, type: 'context', ...own });
}

async function createWorkspace(db: Db, owner: string): Promise<void> {
  const { prompt, skill, tool } = OBJECTS as Record<string, string>;
  const own = { user_id: owner, ...times };
  const meta = json({ description: MARK });
  await put(db, 'prompt', { id: prompt, command: 'fx', name: MARK, content: MARK, is_active: 1, ...own });
  await put(db, 'skill', { id: skill, name: MARK, description: MARK, content: MARK, is_active: 1, meta, ...own });
  await put(db, 'tool', { id: tool, name: MARK, content: `# ${MARK}`, specs: json([]), meta, ...own });
  await put(db, 'function', {
    id: OBJECTS.function,
    name: 'Function',
    type: 'filter',
    content: `# ${MARK}`,
    meta: json({ description: 'Anybody may know that it is there' }),
    is_active: 1,
    is_global: 0,
    ...own,
  });
  const version = { id: OTHERS.version, snapshot: json({ name: MARK, content: MARK }), user_id: owner, created_at: 1 };
  await put(db, 'prompt_history', { ...version, prompt_id: prompt });
  await put(db, 'tool_history', { ...version, tool_id: tool });
  await put(db, 'model_history', { ...version, model_id: OTHERS.model });
  const preset = { base_model_id: 'echo-system', params: json({ system: MARK }), meta, is_active: 1 };
  await put(db, 'model', { id: OTHERS.model, name: MARK, ...preset, ...own });
}

async function createConversations(db: Db, owner: string): Promise<void> {
  const message = {
    id: MESSAGE,
    parentId: null,
    childrenIds: [],
    role: 'user',
    content: MARK,
    timestamp: 1_700_000_000,
  };
  const document = { title: MARK, models: ['fx'], history: { currentId: MESSAGE, messages: { [MESSAGE]: message } } };
  const own = { user_id: owner, ...times };
  const place = { folder_id: OBJECTS.folder, share_id: OTHERS.share, archived: 0, pinned: 0 };
  await put(db, 'chat', { id: CHAT, title: MARK, chat: json(document), meta: json({}), ...place, ...own });
  await put(db, 'chat_message', { id: `${CHAT}-${MESSAGE}`, chat_id: CHAT, role: 'user', content: json(MARK), ...own });
  const shared = json({ ...document, share_mode: 'continue' });
  await put(db, 'shared_chat', { id: OTHERS.share, chat_id: CHAT, title: MARK, chat: shared, ...own });
  const feedback = { type: 'rating', version: 0, data: json({ rating: 1, comment: MARK }), meta: json({}) };
  await put(db, 'feedback', { id: OBJECTS.feedback, ...feedback, ...own });
  await put(db, 'channel', { id: OBJECTS.channel, user_id: owner, name: MARK, description: MARK, ...longTimes });
  const post = { user_id: owner, channel_id: OBJECTS.channel, content: MARK };
  await put(db, 'message', { id: 'fx-post', ...post, ...longTimes });
}

async function createDates(db: Db, owner: string): Promise<void> {
  const { calendar, automation } = OBJECTS;
  const own = { user_id: owner, ...longTimes };
  await put(db, 'calendar', { id: calendar, name: MARK, is_default: 0, ...own });
  const day = { start_at: longTimes.created_at, all_day: 1, is_cancelled: 0 };
  const event = { id: OBJECTS['calendar event'], calendar_id: calendar, title: MARK, ...day };
  await put(db, 'calendar_event', { ...event, ...own });
  const data = json({ prompt: MARK, model_id: 'fx', rrule: 'FREQ=DAILY' });
  await put(db, 'automation', { id: automation, name: MARK, data, is_active: 0, ...own });
}

/** The rights of the cast on the object of a type: `read`, or `read` and `write`, to people and to the group of readers. */
async function grant(db: Db, { actors, readers }: Cast, type: string): Promise<void> {
  const id = type === 'shared_chat' ? CHAT : type === 'model' ? OTHERS.model : (OBJECTS[type] ?? '');
  const byGroup = ['group reader', 'nested-group member'];
  const people = actors.filter((one) => (one.holds === 'read' || one.holds === 'write') && !byGroup.includes(one.name));
  const grants = people.flatMap((one) =>
    (one.holds === 'write' ? ['read', 'write'] : ['read']).map((permission) => ['user', one.id, permission] as const),
  );
  for (const [principalType, principal, permission] of [...grants, ['group', readers, 'read'] as const]) {
    await put(db, 'access_grant', {
      id: randomUUID(),
      resource_type: type,
      resource_id: id,
      principal_type: principalType,
      principal_id: principal,
      permission,
      created_at: 1,
    });
  }
}

function noteText() {
  return json({ content: { md: MARK, html: MARK, json: null } });
}

async function put(db: Db, table: string, row: Record<string, unknown>): Promise<void> {
  await db
    .insertInto(table as never)
    .values(row as never)
    .execute();
}
