import type { Database } from '../../../kernel/database/index.ts';
import { isObject } from '../../../kernel/json.ts';
import type { Tabs } from '../direct/direct-models.ts';
import { type Draft, type Extension, usesBuiltInTools } from '../prepare/index.ts';
import type { TurnTool } from '../turn/turn.ts';
import { askUserTool } from './ask-user.ts';
import { chatTools } from './chats.ts';
import { taskListTools } from './task-list.ts';
import { timeTools } from './time.ts';

export interface BuiltinToolsDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  tabs: Pick<Tabs, 'caller'>;
}

/** Offers the model the server's own tools where somebody sits at a socket and the model may have them (plugins note, 4). */
export function builtinTools(deps: BuiltinToolsDeps): Extension {
  return {
    place: 'tools',
    name: 'built-in tools',
    run(draft) {
      if (draft.turn.request.bringsTools || !usesBuiltInTools(draft)) return;
      const given = draft.tools ?? new Map<string, TurnTool>();
      draft.tools = new Map([...given, ...offered(draft, deps).filter(([name]) => !given.has(name))]);
    },
  };
}

function offered(draft: Draft, { database, tabs }: BuiltinToolsDeps): [string, TurnTool][] {
  const { turn } = draft;
  const tools: [string, TurnTool][] = [];
  if (isOffered(draft, 'time')) tools.push(...timeTools(turn));
  const { sessionId } = turn;
  if (sessionId !== null && isOffered(draft, 'user_input')) tools.push(askUserTool({ ...turn, sessionId }, tabs));
  if (isOffered(draft, 'chats')) tools.push(...chatTools(turn, database.db));
  if (turn.kind === 'saved' && isOffered(draft, 'tasks')) tools.push(...taskListTools(turn, database));
  return tools;
}

/** `info.meta.builtinTools` of a model switches groups off. */
export function isOffered({ model }: Pick<Draft, 'model'>, category: string): boolean {
  const info = isObject(model.entry.info) ? model.entry.info : {};
  const meta = isObject(info.meta) ? info.meta : {};
  return !isObject(meta.builtinTools) || meta.builtinTools[category] !== false;
}
