import type { Database } from '../../../kernel/database/index.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { findChat, setTasks } from '../../chats/index.ts';
import type { TurnContext, TurnTool } from '../turn/turn.ts';
import { objects, text, tool } from './tool.ts';

const STATUSES = ['pending', 'in_progress', 'completed', 'cancelled'] as const;
type Status = (typeof STATUSES)[number];

interface Task {
  id: string;
  content: string;
  status: Status;
}

const status = {
  type: 'string',
  enum: [...STATUSES],
  description: 'How far the task is',
};

/** The list of what is to be done, which the client shows with the chat (plugins note, 4.2). */
export function taskListTools(
  turn: Pick<TurnContext, 'chatId' | 'emit'>,
  database: Pick<Database, 'transaction'>,
): [string, TurnTool][] {
  /** Changes the stored list; what the change refuses, the model is told. */
  async function change(work: (before: Task[]) => Task[] | { error: string }): Promise<JsonObject> {
    const changed = await database.transaction(async (tx) => {
      const chat = await findChat(tx, turn.chatId);
      if (!chat) return { error: 'The chat is gone.' };
      const tasks = work(readTasks(chat.tasks));
      if (Array.isArray(tasks)) await setTasks(tx, turn.chatId, tasks);
      return tasks;
    });
    if (!Array.isArray(changed)) return changed;
    turn.emit({ type: 'chat:message:tasks', data: { tasks: changed } });
    return { tasks: changed, summary: summaryOf(changed) };
  }

  return [
    tool({
      name: 'create_tasks',
      description:
        'Writes down the steps of a piece of work with several steps, for the user to follow. Replaces an earlier list.',
      parameters: {
        tasks: {
          type: 'array',
          description: 'The steps in order',
          items: {
            type: 'object',
            properties: {
              id: { type: 'string', description: 'Default: its place in the list' },
              content: { type: 'string', description: 'What is to be done' },
              status: { ...status, default: 'pending' },
            },
            required: ['content'],
          },
        },
      },
      required: ['tasks'],
      run: async (args) => {
        const tasks = readTasks(args.tasks);
        return tasks.length === 0 ? { error: 'Give at least one task with a content.' } : change(() => tasks);
      },
    }),
    tool({
      name: 'update_task',
      description: 'Says how far a step of the list is. Call it when a step begins and as soon as it is done.',
      parameters: {
        id: { type: 'string', description: 'Id of the task' },
        status: { ...status, default: 'completed' },
      },
      required: ['id'],
      run: async (args) => {
        const [id, wanted] = [String(args.id ?? ''), args.status ?? 'completed'];
        if (!isStatus(wanted)) return { error: `The status must be one of ${STATUSES.join(', ')}.` };
        return change((before) => {
          if (!before.some((one) => one.id === id)) return { error: `There is no task ${id}.` };
          return before.map((one) => (one.id === id ? { ...one, status: wanted } : one));
        });
      },
    }),
  ];
}

function isStatus(value: unknown): value is Status {
  return STATUSES.some((one) => one === value);
}

/** Tasks of any writer: those without a content are left out, ids default to the place in the list. */
export function readTasks(value: unknown): Task[] {
  return objects(value).flatMap((one, at) => {
    const content = text(one.content).trim();
    const id = isObject(one.id) || one.id === undefined || one.id === null ? String(at + 1) : String(one.id);
    return content === '' ? [] : [{ id, content, status: isStatus(one.status) ? one.status : 'pending' }];
  });
}

function summaryOf(tasks: readonly Task[]): JsonObject {
  const counts = STATUSES.map((one) => [one, tasks.filter((task) => task.status === one).length]);
  return { total: tasks.length, ...Object.fromEntries(counts) };
}
