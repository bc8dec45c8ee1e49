import type { Tabs } from '../direct/direct-models.ts';
import type { Extension } from '../prepare/index.ts';
import { pauses } from '../run/pause.ts';
import type { TurnContext, TurnTool } from '../turn/turn.ts';

/** Asks by itself. */
const ASKS_ITSELF = new Set(['ask_user']);

/**
 * In approval mode `ask` no tool of a chat that is not stored runs before the person at the tab has agreed to that call (chat pipeline
 * note, 4.4.7); in stored chats the reply itself waits (run/pause.ts). Comes after every step that offers tools.
 */
export function approvalStep(tabs: Pick<Tabs, 'caller'>): Extension {
  return {
    place: 'tools',
    name: 'approval of tool calls',
    run(draft) {
      const { turn, tools } = draft;
      // Tools that are called before the answer cannot wait in the chat.
      const waits = pauses(turn) && turn.settings.functionCalling === 'native';
      if (turn.settings.toolApprovalMode !== 'ask' || !tools || waits) return;
      draft.tools = new Map(
        [...tools].map(([name, one]) => [name, ASKS_ITSELF.has(name) ? one : guarded(name, one, turn, tabs)]),
      );
    },
  };
}

function guarded(name: string, tool: TurnTool, turn: TurnContext, tabs: Pick<Tabs, 'caller'>): TurnTool {
  return {
    ...tool,
    async run(args, call) {
      const approved = await isApproved(name, args, call, turn, tabs);
      return approved ? tool.run(args, call) : 'Error: the user did not approve this call.';
    },
  };
}

async function isApproved(
  name: string,
  args: Parameters<TurnTool['run']>[0],
  { callId, signal }: Parameters<TurnTool['run']>[1],
  { user, chatId, replyId, sessionId }: TurnContext,
  tabs: Pick<Tabs, 'caller'>,
): Promise<boolean> {
  if (sessionId === null) return false;
  const caller = tabs.caller({ userId: user.id, chatId, messageId: replyId ?? '', sessionId });
  const toolCall = { id: callId, name, arguments: args };
  return (await caller.call('confirmation', { tool_call: toolCall }, { signal })) === true;
}
