import type { Database } from '../../../kernel/database/index.ts';
import { isObject } from '../../../kernel/json.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import type { Access } from '../../access/index.ts';
import type { Calendars } from '../../calendars/index.ts';
import type { ChannelLookup } from '../../channels/index.ts';
import type { Memories } from '../../memories/index.ts';
import type { Notes } from '../../notes/index.ts';
import type { Notify } from '../../notifications/index.ts';
import type { Tabs } from '../direct/direct-models.ts';
import { type Draft, type Extension, hasCapability, usesBuiltInTools } from '../prepare/index.ts';
import type { TurnTool } from '../turn/turn.ts';
import { askUserTool } from './ask-user.ts';
import { calendarTools } from './calendar.ts';
import { channelTools } from './channels.ts';
import { chatTools } from './chats.ts';
import { type CodeDeps, executeCodeTool } from './execute-code.ts';
import { memoryTools } from './memories.ts';
import { noteTools } from './notes.ts';
import { notifyTool } from './notify.ts';
import { taskListTools } from './task-list.ts';
import { timeTools } from './time.ts';

/** What people keep beside chats, as tools use it. */
export interface ToolContent {
  notes: Notes;
  memories: Memories;
  channels: ChannelLookup;
  calendars: Calendars;
  notify: Notify;
}

export interface BuiltinToolsDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  config: Pick<Config, 'get'>;
  access: Pick<Access, 'permissions'>;
  content: ToolContent;
  tabs: Pick<Tabs, 'caller'>;
  code: Omit<CodeDeps, 'config' | 'tabs'>;
}

/** Offers the model the server's own tools where somebody sits at a socket and the model may have them (plugins note, 4). */
export function builtinTools(deps: BuiltinToolsDeps): Extension {
  return {
    place: 'tools',
    name: 'built-in tools',
    async run(draft) {
      if (draft.turn.request.bringsTools || !usesBuiltInTools(draft)) return;
      const given = draft.tools ?? new Map<string, TurnTool>();
      draft.tools = new Map([...given, ...(await offered(draft, deps)).filter(([name]) => !given.has(name))]);
    },
  };
}

async function offered(draft: Draft, deps: BuiltinToolsDeps): Promise<[string, TurnTool][]> {
  const { database, tabs, config, content } = deps;
  const { turn } = draft;
  /** Whether model, site and user agree to a group of tools. */
  const has = async (category: string, isOn: boolean, permission: string) =>
    isOn && isOffered(draft, category) && (await isAllowed(turn, permission, deps));
  const tools: [string, TurnTool][] = [];
  if (isOffered(draft, 'time')) tools.push(...timeTools(turn));
  const { sessionId } = turn;
  if (sessionId !== null && isOffered(draft, 'user_input')) tools.push(askUserTool({ ...turn, sessionId }, tabs));
  if (isOffered(draft, 'chats')) tools.push(...chatTools(turn, database.db));
  if (turn.kind === 'saved' && isOffered(draft, 'tasks')) tools.push(...taskListTools(turn, database));
  const runsCode = config.get('code_interpreter.enable') && isWanted(draft, 'code_interpreter');
  if (sessionId !== null && (await has('code_interpreter', runsCode, 'features.code_interpreter'))) {
    tools.push(executeCodeTool(turn, { ...deps.code, config, tabs }));
  }
  if (await has('memory', config.get('memories.enable') && isWanted(draft, 'memory'), 'features.memories')) {
    tools.push(...memoryTools(turn, content.memories));
  }
  if (isNoteChat(turn) || (await has('notes', config.get('notes.enable'), 'features.notes'))) {
    tools.push(...noteTools(turn, content.notes));
  }
  if (await has('channels', config.get('channels.enable'), 'features.channels')) {
    tools.push(...channelTools(turn, content.channels));
  }
  if (await has('calendar', config.get('calendar.enable'), 'features.calendar')) {
    tools.push(...calendarTools(turn, content.calendars));
  }
  if (await has('notifications', config.get('ui.enable_user_webhooks'), 'features.webhooks')) {
    tools.push(notifyTool(turn, content.notify));
  }
  return tools;
}

/** The request switches the feature on, and the model has it. */
function isWanted({ turn, model }: Draft, feature: string): boolean {
  return turn.request.features[feature] === true && hasCapability(model, feature, true);
}

async function isAllowed({ user }: Draft['turn'], permission: string, { access }: BuiltinToolsDeps): Promise<boolean> {
  return user.role === 'admin' || access.permissions(user, permission);
}

/** A chat that belongs to a note has the tools of notes whatever the settings. */
function isNoteChat({ chat }: Draft['turn']): boolean {
  return chat?.meta.internal === true && chat.meta.type === 'note';
}

/** `info.meta.builtinTools` of a model switches groups off. */
export function isOffered({ model }: Pick<Draft, 'model'>, category: string): boolean {
  const info = isObject(model.entry.info) ? model.entry.info : {};
  const meta = isObject(info.meta) ? info.meta : {};
  return !isObject(meta.builtinTools) || meta.builtinTools[category] !== false;
}
