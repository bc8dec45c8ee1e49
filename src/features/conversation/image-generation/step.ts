import type { Database } from '../../../kernel/database/index.ts';
import { HttpError } from '../../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import { loadBranch } from '../../chats/index.ts';
import type { Images } from '../../images/index.ts';
import { askerOf } from '../builtin-tools/images.ts';
import { addSystemText, type Draft, type Extension, lastUserText } from '../prepare/index.ts';
import { readImagePrompt } from '../tasks/answers.ts';
import type { TaskCaller } from '../tasks/index.ts';
import type { TurnContext } from '../turn/turn.ts';

export interface ImageStepDeps {
  database: Pick<Database, 'db'>;
  config: Pick<Config, 'get'>;
  log: Pick<Log, 'warn'>;
  images: Pick<Images, 'generate' | 'edit' | 'mayGenerate' | 'mayEdit'>;
  caller: TaskCaller;
}

/** Messages whose pictures are changed: the newest that have any. */
const MESSAGES_WITH_PICTURES = 2;

/** Where tools are not left to the model, the feature draws before it answers (chat pipeline note, 3.9). */
export function imageStep(deps: ImageStepDeps): Extension {
  return { place: 'features', name: 'pictures', run: (draft) => draw(draft, deps) };
}

async function draw(draft: Draft, deps: ImageStepDeps): Promise<void> {
  const { turn } = draft;
  const { images } = deps;
  if (turn.request.features.image_generation !== true || turn.kind === 'none') return;
  if (turn.settings.functionCalling !== 'legacy') return;
  const given = (await images.mayEdit(turn.user)) ? await picturesOf(turn, deps) : [];
  if (given.length === 0 && !(await images.mayGenerate(turn.user))) return;
  const tell = (description: string, done: boolean) => {
    if (turn.kind === 'saved') turn.emit({ type: 'status', data: { description, done } });
  };
  tell('Creating image', false);
  const asker = askerOf(turn, turn.signal);
  const prompt = lastUserText(draft.messages);
  try {
    const made =
      given.length > 0
        ? await images.edit(asker, { prompt, image: given })
        : await images.generate(asker, { prompt: await describe(draft, prompt, deps), n: 1 });
    if (!made) throw new HttpError(400, 'No image engine is configured.');
    tell('Image created', true);
    turn.emit({ type: 'files', data: { files: made.map((image) => ({ type: 'image', ...image })) } });
    note(draft, given.length > 0 ? EDITED : CREATED);
  } catch (error) {
    turn.signal.throwIfAborted();
    deps.log.warn({ err: error, chat: turn.chatId }, 'a picture could not be made');
    tell('An error occurred while generating an image', true);
    const reason = error instanceof HttpError && typeof error.detail === 'string' ? error.detail : 'unknown';
    note(draft, `${FAILED} ${reason}`);
  }
}

const CREATED = 'The picture the user asked for has just been made and is shown to them. Say so in a few words.';
const EDITED =
  'The picture has just been changed as the user asked, and the result is shown to them. Say so in a few words.';
const FAILED =
  'The picture the user asked for could not be made; none is shown. Tell the user, with the reason if it helps:';

function note(draft: Draft, text: string): void {
  draft.messages = addSystemText(draft.messages, `<context>${text}</context>`);
}

/** What a model says the picture is to show; the user's own words when it cannot be asked. */
async function describe({ turn, model, messages }: Draft, prompt: string, deps: ImageStepDeps): Promise<string> {
  if (!deps.config.get('image_generation.prompt.enable')) return prompt;
  const { user, metadata, signal } = turn;
  try {
    const task = 'image_prompt_generation';
    const completion = await deps.caller.complete({ task, user, model, values: { messages }, metadata, signal });
    return readImagePrompt(completion) ?? prompt;
  } catch (error) {
    signal.throwIfAborted();
    deps.log.warn({ err: error, chat: turn.chatId }, 'no image prompt could be made; the question itself is used');
    return prompt;
  }
}

/** Pictures the conversation is about: those of the newest messages that show any, replies too. */
async function picturesOf(turn: TurnContext, { database }: ImageStepDeps): Promise<string[]> {
  const stored =
    turn.kind === 'saved' && turn.userMessageId !== null
      ? await loadBranch(database.db, turn.chatId, turn.userMessageId)
      : [];
  const messages: readonly JsonObject[] = stored.length > 0 ? stored : turn.request.messages;
  const lists = messages.map(urlsOf).filter((urls) => urls.length > 0);
  return lists.slice(-MESSAGES_WITH_PICTURES).reverse().flat();
}

function urlsOf({ files, content }: JsonObject): string[] {
  const attached = Array.isArray(files) ? files.filter(isObject).filter(isPicture) : [];
  const parts = Array.isArray(content) ? content.filter(isObject) : [];
  const inline = parts.flatMap(({ type, image_url: image }) =>
    type === 'image_url' && isObject(image) ? [image.url] : [],
  );
  return [...attached.map(({ url }) => url), ...inline].filter(
    (url) => typeof url === 'string' && url !== '',
  ) as string[];
}

function isPicture({ type, content_type: kind }: JsonObject): boolean {
  return type === 'image' || (typeof kind === 'string' && kind.startsWith('image/') && !kind.startsWith('image/svg'));
}
