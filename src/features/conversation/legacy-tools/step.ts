import type { JsonObject } from '../../../kernel/json.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import { type ChatMessage, type Draft, type Extension, lastUserText, textOf } from '../prepare/index.ts';
import { newItemId } from '../reply/items.ts';
import { type Keep, readResult, resultItem } from '../run/tool-result.ts';
import { callTool } from '../run/tools.ts';
import type { Source } from '../sources/context-block.ts';
import { readToolCalls } from '../tasks/answers.ts';
import type { TaskCaller } from '../tasks/index.ts';
import type { TurnContext, TurnTool } from '../turn/turn.ts';

export interface LegacyToolsDeps {
  caller: TaskCaller;
  log: Pick<Log, 'warn'>;
  keepFor(turn: TurnContext): Keep;
}

/** Earlier messages the choice is made with. */
const HISTORY = 4;
/** A model that wants more at once does not know what it wants. */
const MOST_CALLS = 16;

/**
 * For models without tool calls of their own: another question beforehand asks which tools would help; what they give becomes sources
 * of the answer (chat pipeline note, 3.12). Comes after every step that offers tools.
 */
export function legacyToolsStep(deps: LegacyToolsDeps): Extension {
  return {
    place: 'tools',
    name: 'tools before the answer',
    async run(draft) {
      const { turn, tools } = draft;
      if (turn.settings.functionCalling !== 'legacy' || !tools) return;
      draft.tools = null;
      if (tools.size === 0) return;
      for (const { name, parameters } of (await chooseCalls(draft, tools, deps)).slice(0, MOST_CALLS)) {
        const tool = tools.get(name);
        if (tool) draft.sources.push(await sourceOf(name, tool, parameters, turn, deps));
      }
    },
  };
}

/** What a model would call; nothing when it cannot be asked. */
async function chooseCalls(
  { turn, model, messages }: Draft,
  tools: ReadonlyMap<string, TurnTool>,
  { caller, log }: LegacyToolsDeps,
) {
  const { user, metadata, signal } = turn;
  try {
    const completion = await caller.complete({
      task: 'function_calling',
      user,
      model,
      metadata,
      signal,
      values: { messages, tools: JSON.stringify([...tools.values()].map(({ spec }) => spec)) },
      question: questionOf(messages),
      ...(turn.caller && { caller: turn.caller }),
    });
    return readToolCalls(completion);
  } catch (error) {
    signal.throwIfAborted();
    log.warn({ err: error, chat: turn.chatId }, 'no tools could be chosen; the answer is written without');
    return [];
  }
}

function questionOf(messages: readonly ChatMessage[]): string {
  const at = messages.findLastIndex(({ role }) => role === 'user');
  const before = messages
    .slice(0, Math.max(at, 0))
    .filter(({ role }) => role === 'user' || role === 'assistant')
    .slice(-HISTORY)
    .map(({ role, content }) => `${role.toUpperCase()}: ${textOf(content)}`);
  const history = before.length > 0 ? `History:\n${before.join('\n')}\n` : '';
  return `${history}Query: ${lastUserText(messages)}`;
}

async function sourceOf(
  name: string,
  tool: TurnTool,
  parameters: JsonObject,
  turn: TurnContext,
  deps: LegacyToolsDeps,
): Promise<Source> {
  const { args, value } = await callTool(tool, parameters, { callId: newItemId('call'), signal: turn.signal });
  const result = readResult(name, value);
  const { files, embeds } = await resultItem(result, turn.kind === 'saved' ? deps.keepFor(turn) : null);
  if (isFilled(files)) turn.emit({ type: 'files', data: { files } });
  if (isFilled(embeds)) turn.emit({ type: 'embeds', data: { embeds } });
  const source = `${tool.toolId ?? `builtin:${name}`}/${name}`;
  return {
    source: { name: source },
    document: [result.text],
    metadata: [{ source, parameters: args }],
    tool_result: true,
  };
}

function isFilled(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}
