import type { Notify } from '../../notifications/index.ts';
import type { TurnContext, TurnTool } from '../turn/turn.ts';
import { text, tool } from './tool.ts';

/** Tells the user something where they are told of things (plugins note, 4.2). */
export function notifyTool({ user }: Pick<TurnContext, 'user'>, notify: Notify): [string, TurnTool] {
  const [name, made] = tool({
    name: 'notify',
    description: 'Sends the user a notification outside this conversation, where they have asked to be told of things.',
    parameters: {
      message: { type: 'string', description: 'What to say' },
      target: { type: 'string', description: 'Id of one of the places; default: the usual one', default: '' },
      title: { type: 'string', description: 'A heading', default: '' },
    },
    required: ['message'],
    run: async () => null,
  });
  return [
    name,
    {
      ...made,
      async run(args) {
        const message = text(args.message).trim();
        if (message === '') return 'Error: Say in message what to tell.';
        const refused = await notify(user, {
          message,
          title: text(args.title).trim(),
          target: text(args.target).trim(),
        });
        return refused === null ? 'The notification was sent.' : `Error: ${refused}`;
      },
    },
  ];
}
