import type { JsonObject } from '../../../kernel/json.ts';
import type { Images } from '../../images/index.ts';
import { type Draft, type Extension, hasCapability, usesBuiltInTools } from '../prepare/index.ts';
import type { TurnContext, TurnTool } from '../turn/turn.ts';
import { isOffered } from './index.ts';
import { text, tool } from './tool.ts';

type Painter = Pick<Images, 'generate' | 'edit' | 'mayGenerate' | 'mayEdit'>;

/** Lets the model draw where the person has switched that on and may (plugins note, 4.2). */
export function imageTools(images: Painter): Extension {
  return {
    place: 'tools',
    name: 'tools for pictures',
    async run(draft) {
      const { turn } = draft;
      if (turn.request.bringsTools || !usesBuiltInTools(draft) || !wantsImages(draft)) return;
      const [draws, edits] = await Promise.all([images.mayGenerate(turn.user), images.mayEdit(turn.user)]);
      const tools = [...(draws ? [generateTool(turn, images)] : []), ...(edits ? [editTool(turn, images)] : [])];
      if (tools.length === 0) return;
      const given = draft.tools ?? new Map<string, TurnTool>();
      draft.tools = new Map([...given, ...tools.filter(([name]) => !given.has(name))]);
    },
  };
}

function wantsImages(draft: Draft): boolean {
  return (
    draft.turn.request.features.image_generation === true &&
    hasCapability(draft.model, 'image_generation', true) &&
    isOffered(draft, 'image_generation')
  );
}

const SIZE = { type: 'string', description: 'Width and height as "WxH", for example "1024x1024"' };

function generateTool(turn: TurnContext, images: Painter): [string, TurnTool] {
  return tool({
    name: 'generate_image',
    description: 'Draws a picture by a description and shows it to the user.',
    parameters: { prompt: { type: 'string', description: 'What the picture shows, in detail' }, size: SIZE },
    required: ['prompt'],
    run: async (args, { signal }) => {
      const form = { prompt: text(args.prompt), n: 1, ...sizeOf(args) };
      return shown(turn, await images.generate(askerOf(turn, signal), form));
    },
  });
}

function editTool(turn: TurnContext, images: Painter): [string, TurnTool] {
  return tool({
    name: 'edit_image',
    description: 'Changes pictures by an instruction and shows the result to the user.',
    parameters: {
      prompt: { type: 'string', description: 'What is to be different' },
      image_urls: {
        type: 'array',
        items: { type: 'string' },
        description: 'Addresses of the pictures, as they stand in the conversation',
      },
      size: SIZE,
    },
    required: ['prompt', 'image_urls'],
    run: async (args, { signal }) => {
      const given: unknown[] = Array.isArray(args.image_urls) ? args.image_urls : [args.image_urls];
      const image = given.filter((url) => typeof url === 'string' && url !== '') as string[];
      const form = { prompt: text(args.prompt), image, ...sizeOf(args) };
      return shown(turn, await images.edit(askerOf(turn, signal), form));
    },
  });
}

const sizeOf = (args: JsonObject) => (text(args.size) === '' ? {} : { size: text(args.size) });

/** Who draws in a turn: its user, for the message that is written. */
export function askerOf({ user, kind, chatId, replyId }: TurnContext, signal: AbortSignal) {
  return {
    user,
    signal,
    credential: null,
    ...(kind === 'saved' && { chat: { id: chatId, messageId: replyId } }),
  };
}

function shown(turn: TurnContext, made: Awaited<ReturnType<Painter['generate']>>): JsonObject {
  if (!made) return { error: 'No image engine is configured.' };
  if (turn.replyId === null) return { status: 'success', images: made };
  turn.emit({ type: 'chat:message:files', data: { added: made.map((image) => ({ type: 'image', ...image })) } });
  const message = 'The user sees the picture already. Do not show or link it again; say in a few words what it shows.';
  return { status: 'success', message, images: made };
}
