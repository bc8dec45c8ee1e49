import { randomUUID } from 'node:crypto';
import { isObject } from '../../../kernel/json.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import { type CodeExecution, cleanCode, guardImports } from '../../code-execution/index.ts';
import type { Tabs } from '../direct/direct-models.ts';
import type { Keep } from '../run/tool-result.ts';
import type { TurnContext, TurnTool } from '../turn/turn.ts';
import { text, tool } from './tool.ts';

export interface CodeDeps {
  config: Pick<Config, 'get'>;
  code: CodeExecution;
  tabs: Pick<Tabs, 'caller'>;
  keepFor(turn: TurnContext): Keep;
  /** Modules code may not import. */
  blockedModules: readonly string[];
}

interface Output {
  stdout: string;
  stderr: string;
  result: string;
}

const IN_BROWSER =
  'It runs in the browser with Pyodide: many packages are there, none can be installed; files of the user lie under /mnt/uploads/.';

/** Lets the model run Python, in the tab of the user or on the site's Jupyter server (plugins note, 11). */
export function executeCodeTool(turn: TurnContext, deps: CodeDeps): [string, TurnTool] {
  const where = deps.code.isConfigured('code_interpreter') ? 'It runs in a kernel of its own each time.' : IN_BROWSER;
  return tool({
    name: 'execute_code',
    description: `Runs Python code and gives what it wrote and its last value. ${where} Print what you want to see; show plots with plt.show().`,
    parameters: { code: { type: 'string', description: 'The code' } },
    required: ['code'],
    run: async (args, { signal }) => {
      const code = text(args.code);
      if (code.trim() === '') return { error: 'Give the code to run.' };
      const output = await runCode(turn, code, deps, signal);
      return 'error' in output ? output : { status: 'success', ...output };
    },
  });
}

/** What code gave, its pictures kept as files; or why it could not be run. */
export async function runCode(
  turn: TurnContext,
  source: string,
  deps: CodeDeps,
  signal: AbortSignal,
): Promise<Output | { error: string }> {
  const code = guardImports(cleanCode(source), deps.blockedModules);
  const given = deps.code.isConfigured('code_interpreter')
    ? await deps.code.run('code_interpreter', code, signal)
    : await inTab(turn, code, deps.tabs, signal);
  if ('error' in given) return given;
  const keep = deps.keepFor(turn);
  return { ...given, stdout: await keepPictures(given.stdout, keep), result: await keepPictures(given.result, keep) };
}

async function inTab(
  { user, chatId, replyId, sessionId, request }: TurnContext,
  code: string,
  tabs: Pick<Tabs, 'caller'>,
  signal: AbortSignal,
): Promise<Output | { error: string }> {
  if (sessionId === null) return { error: 'No browser is connected that could run the code.' };
  const caller = tabs.caller({ userId: user.id, chatId, messageId: replyId ?? '', sessionId });
  const data = { id: randomUUID(), code, session_id: sessionId, files: request.files ?? [] };
  const answer = await caller.call('execute:python', data, { signal });
  if (!isObject(answer)) return { error: 'The browser gave no result.' };
  if (typeof answer.error === 'string' && answer.error !== '') return { error: answer.error };
  return { stdout: said(answer.stdout), stderr: said(answer.stderr), result: said(answer.result) };
}

function said(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const PICTURE = /^data:image\/png;base64,[A-Za-z0-9+/=]+$/;

/** Lines that are pictures become addresses that show them. */
async function keepPictures(output: string, keep: Keep): Promise<string> {
  if (!output.includes('data:image/png;base64,')) return output;
  const lines = output.split('\n').map(async (line) => {
    const picture = line.trim();
    return PICTURE.test(picture) ? `![Output Image](${await keep(picture)})` : line;
  });
  return (await Promise.all(lines)).join('\n');
}
