import type { Config } from '../../../kernel/settings/index.ts';
import { isOffered } from '../builtin-tools/index.ts';
import { text, tool } from '../builtin-tools/tool.ts';
import { type Draft, type Extension, usesBuiltInTools } from '../prepare/index.ts';
import type { TurnContext, TurnTool } from '../turn/turn.ts';
import type { Delegations } from './delegate.ts';
import { CANCELS, readTime, type Timers } from './timers.ts';

export interface AgentToolDeps {
  config: Pick<Config, 'get'>;
  /** Those of these files that the user may not use. */
  unreadableFiles(user: TurnContext['user'], fileIds: readonly string[]): Promise<readonly string[]>;
  delegations: Delegations;
  timers: Timers;
}

/** Lets the model give work to sub-agents and set timers, in stored chats of people (plugins note, 4.1). */
export function agentTools(depsOf: () => AgentToolDeps): Extension {
  return {
    place: 'tools',
    name: 'sub-agents and timers',
    run(draft) {
      const deps = depsOf();
      if (!isOn(draft, deps)) return;
      const given = draft.tools ?? new Map<string, TurnTool>();
      const tools = [delegateTool(draft.turn, deps), timerTool(draft.turn, deps.timers)];
      draft.tools = new Map([...given, ...tools.filter(([name]) => !given.has(name))]);
    },
  };
}

function isOn(draft: Draft, { config }: AgentToolDeps): boolean {
  const { turn } = draft;
  if (!config.get('subagents.enable') || turn.request.bringsTools || !usesBuiltInTools(draft)) return false;
  return turn.kind === 'saved' && !turn.internal && !turn.direct && isOffered(draft, 'subagents');
}

function delegateTool(turn: TurnContext, { config, delegations, unreadableFiles }: AgentToolDeps): [string, TurnTool] {
  const hasBackground = config.get('subagents.background_enabled');
  const [name, made] = tool({
    name: 'delegate_task',
    description:
      'Gives a task to a sub-agent: the same model with the same tools, which sees nothing of this conversation. Several calls at once work side by side. Gives its report.',
    parameters: {
      task: { type: 'string', description: 'What is to be done, complete in itself' },
      context: { type: 'string', description: 'What it has to know of this conversation', default: '' },
      file_ids: { type: 'array', items: { type: 'string' }, description: 'Files it may read' },
      ...(hasBackground && {
        background: {
          type: 'boolean',
          description: 'Goes on without waiting: the report comes later, as a message',
          default: false,
        },
      }),
    },
    required: ['task'],
    run: async () => null,
  });
  return [
    name,
    {
      ...made,
      async run(args, { signal }) {
        const task = text(args.task).trim();
        if (task === '') return 'Error: Say what is to be done in task.';
        const ids = (Array.isArray(args.file_ids) ? args.file_ids : []).filter((id) => typeof id === 'string');
        const refused = new Set(ids.length > 0 ? await unreadableFiles(turn.user, ids) : []);
        const files = ids.filter((id) => !refused.has(id)).map((id) => ({ type: 'file', id }));
        const background = hasBackground && args.background === true;
        return delegations.delegate(turn, { task, context: text(args.context).trim(), files, background }, signal);
      },
    },
  ];
}

function timerTool(turn: TurnContext, timers: Timers): [string, TurnTool] {
  const [name, made] = tool({
    name: 'timer',
    description:
      'Sends a message to this conversation later, which you then answer: to remind, to look again, to go on.',
    parameters: {
      prompt: { type: 'string', description: 'The message' },
      at: {
        type: 'string',
        description: 'When: "10m", "in 2 hours", "1 day", or a time with its zone such as 2026-05-01T09:00:00+02:00',
      },
      cancel_on: {
        type: 'array',
        items: { type: 'string', enum: [...CANCELS] },
        description: 'What makes it needless: the user reads the chat, or writes in it',
      },
    },
    required: ['prompt', 'at'],
    run: async () => null,
  });
  return [
    name,
    {
      ...made,
      async run(args) {
        const prompt = text(args.prompt).trim();
        if (prompt === '') return 'Error: Say in prompt what the message is.';
        const at = readTime(text(args.at));
        if (!at)
          return 'Error: at must be a time in the future: such as "10m", or with its zone 2026-05-01T09:00:00+02:00.';
        const wanted = Array.isArray(args.cancel_on) ? args.cancel_on : [];
        const cancelOn = CANCELS.filter((one) => wanted.includes(one));
        if (cancelOn.length < new Set(wanted).size) return `Error: cancel_on may have ${CANCELS.join(' and ')}.`;
        await timers.set(turn, { prompt, at, cancelOn });
        return JSON.stringify({ status: 'set', at: at.toISOString(), cancel_on: cancelOn });
      },
    },
  ];
}
