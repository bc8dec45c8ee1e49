import type { Config } from '../../../kernel/settings/index.ts';
import type { Draft, Extension } from './draft.ts';
import { addSystemText } from './messages.ts';
import { fillServerVariables, type PromptContext } from './prompt-variables.ts';

const SPOKEN = `You are in a spoken conversation: what you write is read aloud.

- Answer in one to three short sentences of everyday speech, in the language that is spoken to you.
- No headings, lists, tables, code blocks, links, emoji or other marks; say numbers, units and abbreviations as one speaks them.
- Come to the point. Ask back with one short question when you need to know more; go into detail only when asked.`;

/** In a call the model is asked to speak rather than to write (chat pipeline note, 3.9). */
export function voiceStep(
  config: Pick<Config, 'get'>,
  contextOf: (draft: Draft) => Pick<PromptContext, 'user' | 'groupNames'>,
): Extension {
  return {
    place: 'features',
    name: 'voice prompt',
    async run(draft) {
      if (draft.turn.request.features.voice !== true || !config.get('task.voice.prompt.enable')) return;
      const own = config.get('task.voice.prompt_template');
      const prompt = await fillServerVariables(own.trim() === '' ? SPOKEN : own, contextOf(draft));
      draft.messages = addSystemText(draft.messages, prompt);
    },
  };
}
