import type { ServerTool, ToolServers } from '../../tool-servers/index.ts';
import type { Tabs } from '../direct/direct-models.ts';
import { addSystemText, type Draft, type Extension } from '../prepare/index.ts';
import { ToolAnswer, type TurnContext, type TurnTool } from '../turn/turn.ts';

export interface ServerToolsDeps {
  toolServers: Pick<ToolServers, 'open'>;
  tabs: Pick<Tabs, 'caller'>;
}

/** Offers the model the tools of servers that the request names (chat pipeline note, 3.11). */
export function serverToolsStep({ toolServers, tabs }: ServerToolsDeps): Extension {
  return {
    place: 'tools',
    name: 'tool servers',
    async run(draft) {
      const { turn, model } = draft;
      const { toolIds: ids, bringsTools } = turn.request;
      if (bringsTools || ids.length === 0) return;
      const { user, signal, caller } = turn;
      const metadata = { ...turn.metadata, model_id: model.entry.id };
      const opened = await toolServers.open({
        user,
        ids,
        call: { user, signal, metadata, ...(caller && { caller }) },
        ask: askerOf(turn, tabs),
        failed: (serverId) => turn.emit({ type: 'status', data: unreachable(serverId) }),
      });
      draft.releases.push(opened.close);
      for (const { serverId, text } of opened.instructions) {
        const told = `MCP server "${serverId}" instructions:\n${text}`;
        draft.messages = addSystemText(draft.messages, told, 'after');
      }
      offer(draft, opened.tools.map(asTurnTool));
    },
  };
}

function unreachable(serverId: string) {
  const description = `Failed to connect to MCP server '${serverId}'`;
  return { action: 'tool_connection', description, error: true, done: true };
}

/** Questions of servers go to the tab that asked; where none did, nobody can be asked. */
function askerOf({ user, chatId, replyId, sessionId }: TurnContext, tabs: Pick<Tabs, 'caller'>) {
  if (sessionId === null) return null;
  const caller = tabs.caller({ userId: user.id, chatId, messageId: replyId ?? '', sessionId });
  return (question: Record<string, unknown>, signal: AbortSignal) =>
    caller.call('request:elicitation', question, { signal });
}

/** Later tools take the place of earlier ones with their name. */
export function offer(draft: Draft, tools: readonly [string, TurnTool][]): void {
  if (tools.length > 0) draft.tools = new Map([...(draft.tools ?? []), ...tools]);
}

function asTurnTool({ name, spec, toolId, takesAnything, run }: ServerTool): [string, TurnTool] {
  return [
    name,
    {
      spec,
      toolId,
      takesAnything,
      async run(args, { signal }) {
        const { value, ...extra } = await run(args, signal);
        return new ToolAnswer(value, extra);
      },
    },
  ];
}
