import type { User } from '../../../kernel/http/principal.ts';
import type { JsonObject } from '../../../kernel/json.ts';
import {
  cleanPath,
  listPaths,
  type Memories,
  type MemoryOperation,
  readPath,
  searchMemories,
} from '../../memories/index.ts';
import type { TurnContext, TurnTool } from '../turn/turn.ts';
import { objects, text, tool, whole } from './tool.ts';

const KINDS = ['user', 'context'] as const;
const type = { type: 'string', enum: [...KINDS, 'all'], description: 'Which kind', default: 'all' };
const kind = { type: 'string', enum: [...KINDS], description: 'About the user, or about a subject' };
const path = { type: 'string', description: 'A place such as work/projects' };
const count = (usual: number) => ({ type: 'integer', description: 'How many at most', default: usual });

/** What the user lets the server remember (plugins note, 4.3). Runs no person started may only read. */
export function memoryTools({ user, internal }: Pick<TurnContext, 'user' | 'internal'>, memories: Memories) {
  return [...readingTools(user, memories), ...(internal ? [] : writingTools(user, memories))];
}

function readingTools(user: User, memories: Memories): [string, TurnTool][] {
  return [
    tool({
      name: 'search_memories',
      description: 'Looks through what is remembered about the user and their subjects.',
      parameters: {
        query: { type: 'string', description: 'Words to look for', default: '' },
        count: count(5),
        type,
        path,
        memory_id: { type: 'string', description: 'One memory by its id' },
      },
      run: async (args) => {
        const form = {
          query: text(args.query) || null,
          type: anyKind(args.type),
          path: text(args.path) || null,
          memory_id: text(args.memory_id) || null,
          limit: whole(args.count, 5),
        };
        return searchMemories(await memories.all(user), form).map((memory) => shown(memory, 10));
      },
    }),
    tool({
      name: 'list_memory_paths',
      description: 'Lists the places under which memories lie.',
      parameters: { query: { type: 'string', description: 'Words to look for', default: '' }, count: count(100), type },
      run: async (args) =>
        listPaths(await memories.all(user), {
          query: text(args.query) || null,
          type: anyKind(args.type),
          limit: whole(args.count, 100),
        }),
    }),
    tool({
      name: 'read_memory_path',
      description: 'Reads the memories at a place.',
      parameters: {
        path,
        count: count(50),
        type,
        include_children: { type: 'boolean', description: 'Also what lies below', default: true },
      },
      required: ['path'],
      run: async (args) => {
        const place = cleanPath(text(args.path));
        if (place === null) return { error: 'Give a path.' };
        const found = readPath(await memories.all(user), place, {
          path: place,
          type: anyKind(args.type),
          include_children: args.include_children !== false,
          limit: whole(args.count, 50),
        });
        return { ...found, memories: found.memories.map((memory) => shown(memory, 10)) };
      },
    }),
    tool({
      name: 'list_memories',
      description: 'Lists everything that is remembered.',
      run: async () => (await memories.all(user)).map((memory) => shown(memory, 16)),
    }),
  ];
}

function writingTools(user: User, memories: Memories): [string, TurnTool][] {
  const content = { type: 'string', description: 'What to remember, in one sentence' };
  const id = { type: 'string', description: 'Id of the memory' };
  return [
    tool({
      name: 'update_memory',
      description: 'Changes what is remembered: several operations at once, all or none.',
      parameters: {
        operations: {
          type: 'array',
          description: 'add {content, type, path}, replace {id, content, type, path}, move {id, path}, remove {id}',
          items: {
            type: 'object',
            properties: {
              action: { type: 'string', enum: ['add', 'replace', 'move', 'remove'], description: 'What is done' },
              id,
              content,
              type: kind,
              path,
            },
            required: ['action'],
          },
        },
      },
      required: ['operations'],
      run: (args) => memories.apply(user, objects(args.operations).map(readOperation), 'tool'),
    }),
    tool({
      name: 'add_memory',
      description: 'Remembers something about the user or a subject.',
      parameters: { content, type: { ...kind, default: 'user' }, path },
      required: ['content'],
      run: async (args) => {
        const form = { content: text(args.content), type: oneKind(args.type) ?? 'user', path: text(args.path) || null };
        const made = await memories.add(user, form);
        return { status: 'success', id: made.id, type: made.type, path: made.path };
      },
    }),
    tool({
      name: 'replace_memory_content',
      description: 'Puts another text in place of a memory.',
      parameters: { memory_id: id, content, type: kind, path },
      required: ['memory_id', 'content'],
      run: async (args) => {
        const form = { content: text(args.content), type: oneKind(args.type), path: text(args.path) || null };
        const now = await memories.change(user, text(args.memory_id), form);
        return { status: 'success', id: now.id, type: now.type, path: now.path, content: now.content };
      },
    }),
    tool({
      name: 'delete_memory',
      description: 'Forgets a memory.',
      parameters: { memory_id: id },
      required: ['memory_id'],
      run: async (args): Promise<JsonObject> => {
        const gone = await memories.remove(user, text(args.memory_id));
        return gone ? { status: 'success', message: 'The memory is gone.' } : { error: 'There is no such memory.' };
      },
    }),
  ];
}

function oneKind(value: unknown): 'user' | 'context' | null {
  return KINDS.find((one) => one === value) ?? null;
}

function anyKind(value: unknown): 'user' | 'context' | 'all' {
  return oneKind(value) ?? 'all';
}

function readOperation(given: JsonObject): MemoryOperation {
  const action = (['add', 'replace', 'move', 'remove'] as const).find((one) => one === given.action);
  if (!action) throw new Error('The action of an operation must be add, replace, move or remove.');
  return {
    action,
    id: text(given.id) || null,
    content: typeof given.content === 'string' ? given.content : null,
    type: oneKind(given.type),
    ...('path' in given && { path: text(given.path) || null }),
  };
}

type Row = Awaited<ReturnType<Memories['all']>>[number];

/** `length` characters of the times: a day, or a minute. */
function shown({ id, type, path, content, created_at, updated_at }: Row, length: number): JsonObject {
  return { id, type, path, content, created_at: when(created_at, length), updated_at: when(updated_at, length) };
}

/** Time at the server, as `YYYY-MM-DD HH:MM`. */
function when(seconds: number | null, length: number): string {
  const at = new Date((seconds ?? 0) * 1_000);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`.slice(0, length);
}
