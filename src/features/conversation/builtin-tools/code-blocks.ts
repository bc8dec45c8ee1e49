import type { Access } from '../../access/index.ts';
import { addSystemText, addUserText, type Draft, type Extension, hasCapability } from '../prepare/index.ts';
import { type CodeDeps, runCode } from './execute-code.ts';
import { isOffered } from './index.ts';

const BUILT_IN = `You can run Python code. To do so, write it between these tags and nowhere else:

<code_interpreter type="code" lang="python">
print("hello")
</code_interpreter>

- Use it where running code gives a better answer than thinking: to calculate, to look into data and files, to draw plots.
- Print everything you want to see; only what is printed, the value of the last line and plots come back. Variables do not stay from one block to the next.
- No code fence between the tags. End your message with the closing tag: the output comes to you next, and then you explain it in the language of the user.
- Pictures come back as Markdown with an address: repeat it as it is where the user should see the picture.`;

const IN_BROWSER = `The code runs in the browser with Pyodide: many packages are there, none can be installed. Files of the user lie under /mnt/uploads/; what is written there the user can take.`;

interface CodeBlockDeps extends CodeDeps {
  access: Pick<Access, 'permissions'>;
}

/**
 * Models that call no tools are told how to write code that is run; models that do are told where it runs (chat pipeline note, 3.9 and
 * 4.4.5).
 */
export function codeBlocksStep(deps: CodeBlockDeps): Extension {
  const { config, code } = deps;
  return {
    place: 'features',
    name: 'code of models',
    async run(draft) {
      const { turn } = draft;
      if (turn.request.features.code_interpreter !== true || !(await mayRun(draft, deps))) return;
      const inBrowser = !code.isConfigured('code_interpreter');
      if (turn.settings.functionCalling !== 'legacy') {
        if (inBrowser) draft.messages = addSystemText(draft.messages, IN_BROWSER, 'after');
        return;
      }
      const prompt = config.get('code_interpreter.prompt_template').trim() || BUILT_IN;
      draft.messages = addUserText(draft.messages, inBrowser ? `${prompt}\n\n${IN_BROWSER}` : prompt, 'after');
      draft.runCode = async (source, signal) => {
        const output = await runCode(turn, source, deps, signal);
        return 'stdout' in output ? output : { stdout: '', stderr: output.error, result: '' };
      };
    },
  };
}

async function mayRun(draft: Draft, { config, access }: CodeBlockDeps): Promise<boolean> {
  const { turn, model } = draft;
  if (turn.sessionId === null || !config.get('code_interpreter.enable')) return false;
  if (!hasCapability(model, 'code_interpreter', true) || !isOffered(draft, 'code_interpreter')) return false;
  return turn.user.role === 'admin' || access.permissions(turn.user, 'features.code_interpreter');
}
