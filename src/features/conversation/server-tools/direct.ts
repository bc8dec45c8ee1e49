import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { type Config, pluginsEnabled, type Settings } from '../../../kernel/settings/index.ts';
import type { Access } from '../../access/index.ts';
import { toolName } from '../../tool-servers/index.ts';
import type { Tabs } from '../direct/direct-models.ts';
import { addSystemText, type Extension } from '../prepare/index.ts';
import { ToolAnswer, type TurnContext, type TurnTool } from '../turn/turn.ts';
import { offer } from './step.ts';

export interface DirectToolsDeps {
  settings: Settings;
  config: Pick<Config, 'get'>;
  access: Pick<Access, 'permissions'>;
  tabs: Pick<Tabs, 'caller'>;
}

/** Tools of servers that the browser itself reaches: the tab runs the calls (plugins note, 5.8). */
export function directToolsStep(deps: DirectToolsDeps): Extension {
  return {
    place: 'tools',
    name: 'tool servers of the browser',
    async run(draft) {
      const { turn } = draft;
      const { toolServers, bringsTools } = turn.request;
      const { sessionId } = turn;
      if (bringsTools || toolServers.length === 0 || sessionId === null || !(await mayUse(turn, deps))) return;
      for (const server of toolServers) {
        const { specs, system_prompt: prompt, ...known } = server;
        if (typeof prompt === 'string' && prompt !== '') {
          draft.messages = addSystemText(draft.messages, prompt, 'after');
        }
        const tools = (Array.isArray(specs) ? specs : []).filter(isObject);
        offer(
          draft,
          tools.flatMap((spec) => directTool(spec, known, { ...turn, sessionId }, deps.tabs)),
        );
      }
    },
  };
}

async function mayUse({ user }: TurnContext, { settings, config, access }: DirectToolsDeps): Promise<boolean> {
  if (!pluginsEnabled(settings, 'TOOL_SERVERS') || !config.get('direct.integrations.enable')) return false;
  return user.role === 'admin' || access.permissions(user, 'features.direct_tool_servers');
}

function directTool(
  spec: JsonObject,
  server: JsonObject,
  { user, chatId, replyId, sessionId }: TurnContext & { sessionId: string },
  tabs: Pick<Tabs, 'caller'>,
): [string, TurnTool][] {
  const { name } = spec;
  if (typeof name !== 'string' || name === '') return [];
  const shown = toolName(name);
  const run: TurnTool['run'] = async (params, { callId, signal }) => {
    const caller = tabs.caller({ userId: user.id, chatId, messageId: replyId ?? '', sessionId });
    // The tab answers only what names it.
    const data = { id: callId, name, params, server, session_id: sessionId };
    return answerOf(await caller.call('execute:tool', data, { signal }));
  };
  return [[shown, { spec: { ...spec, name: shown }, toolId: `direct:${textOf(server.url)}`, run }]];
}

/** A value, or a pair of it and the headers it came with. */
function answerOf(ack: unknown): unknown {
  if (!Array.isArray(ack) || ack.length !== 2 || !isObject(ack[1])) return ack;
  const entries = Object.entries(ack[1]).flatMap(([name, value]): [string, string][] =>
    typeof value === 'string' ? [[name.toLowerCase(), value]] : [],
  );
  return new ToolAnswer(ack[0], { headers: Object.fromEntries(entries) });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
