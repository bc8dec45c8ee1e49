import type { Config } from '../../../kernel/settings/index.ts';
import { text, tool, whole } from '../builtin-tools/tool.ts';
import { addSystemText, type Draft, type Extension } from '../prepare/index.ts';
import type { TurnTool } from '../turn/turn.ts';
import { searchTools } from './rank.ts';
import { CALL_TOOL, SEARCH_TOOLS } from './unwrap.ts';

const SHOWN = 100;
const RESULTS = { usual: 5, most: 20 };

/**
 * Many tools fill a model's context: long ones are only named, found by a search, and called through another tool (plugins note, 4.6).
 * Comes after every step that offers tools.
 */
export function toolSearchStep(config: Pick<Config, 'get'>): Extension {
  return {
    place: 'tools',
    name: 'search among tools',
    run(draft) {
      const { turn, tools } = draft;
      if (!config.get('chat.tool_search.enable') || turn.settings.functionCalling !== 'native' || !tools) return;
      // Who makes the calls elsewhere knows nothing of this.
      if (turn.taskId === null || tools.has(SEARCH_TOOLS) || tools.has(CALL_TOOL)) return;
      const deferred = [...tools].filter(([name, one]) => isDeferred(name, one, config)).map(([, one]) => one.spec);
      if (deferred.length === 0) return;
      draft.deferred = new Set(deferred.map(({ name }) => String(name)));
      draft.tools = new Map([...tools, searchTool(deferred), callTool()]);
      announce(draft, deferred);
    },
  };
}

function isDeferred(name: string, { spec, toolId }: TurnTool, config: Pick<Config, 'get'>): boolean {
  if (toolId === undefined && !config.get('chat.tool_search.defer_builtin_tools')) return false;
  if (JSON.stringify(spec).length <= config.get('chat.tool_search.defer_threshold')) return false;
  return !config.get('chat.tool_search.always_loaded').some((pattern) => globPattern(pattern).test(name));
}

/** `*` is any text, `?` any character. */
function globPattern(glob: string): RegExp {
  const source = glob
    .trim()
    .split('')
    .map((char) => (char === '*' ? '.*' : char === '?' ? '.' : char.replace(/[\\^$.|+()[\]{}]/, '\\$&')))
    .join('');
  return new RegExp(`^${source}$`, 's');
}

function announce(draft: Draft, deferred: readonly Record<string, unknown>[]): void {
  const list = deferred.map(
    ({ name, description }) =>
      `<tool><name>${escapeText(String(name))}</name><description>${escapeText(text(description).slice(0, SHOWN))}</description></tool>`,
  );
  const how = `More tools can be used. Look one up with ${SEARCH_TOOLS} before its first use, to learn its parameters; then call it through ${CALL_TOOL}.`;
  const block = `<available_tools>\n${how}\n${list.join('\n')}\n</available_tools>`;
  draft.messages = addSystemText(draft.messages, block, 'after');
}

function escapeText(value: string): string {
  return value.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`);
}

function searchTool(deferred: readonly Record<string, unknown>[]): [string, TurnTool] {
  return tool({
    name: SEARCH_TOOLS,
    description: 'Finds tools by what they do or by their name; gives their descriptions and parameters.',
    parameters: {
      query: { type: 'string', description: 'What the tool is to do, or its exact name' },
      count: { type: 'integer', description: 'How many at most', default: RESULTS.usual, maximum: RESULTS.most },
    },
    required: ['query'],
    run: async (args) => {
      const count = Math.min(RESULTS.most, Math.max(1, whole(args.count, RESULTS.usual)));
      const found = searchTools(deferred, text(args.query), count);
      return found.length > 0 ? { tools: found } : { tools: [], message: 'No tool fits. Try other words.' };
    },
  });
}

/** Its calls are turned into those of the tool they name before anything else is done with them. */
function callTool(): [string, TurnTool] {
  const spec = {
    name: CALL_TOOL,
    description: 'Calls a tool that was looked up before.',
    strict: true,
    parameters: {
      type: 'object',
      properties: {
        tool_name: { type: 'string', description: 'Its exact name' },
        params: { type: 'string', description: 'Its parameters: the text of a JSON object' },
      },
      required: ['tool_name', 'params'],
      additionalProperties: false,
    },
  };
  const run = async () => 'Error: no tool was named.';
  return [CALL_TOOL, { spec, isDispatcher: true, run }];
}
