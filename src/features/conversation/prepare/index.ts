import type { Database } from '../../../kernel/database/index.ts';
import { HttpError } from '../../../kernel/http/errors.ts';
import { isObject } from '../../../kernel/json.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import { type Access, listGroups } from '../../access/index.ts';
import type { Folders } from '../../folders/index.ts';
import type { Prepare, Prepared, TurnContext } from '../turn/turn.ts';
import { isArena, type ModelTable, pickFromArena } from './arena.ts';
import { hasCapability, nameAttachedFiles, thoughtKey } from './attached-files.ts';
import { type Draft, type Extension, isOllama, type Place, providerEntry, type Step } from './draft.ts';
import { loadHistory } from './history.ts';
import { type ImageSource, inlineImages } from './inline-images.ts';
import { addSystemText, textOf, tidyMessages } from './messages.ts';
import { applyParams, expandControls, mergeParams } from './params.ts';
import { type PromptContext, resolvePrompt } from './prompt-variables.ts';
import { replayMessages } from './replay.ts';

export { isArena, type ModelTable, pickFromArena } from './arena.ts';
export { hasCapability, thoughtKey, usesBuiltInTools } from './attached-files.ts';
export { type Draft, type Extension, isOllama, providerEntry } from './draft.ts';
export { type ImageSource, inlineImages } from './inline-images.ts';
export { addSystemText, addUserText, type ChatMessage, lastUserText, textOf } from './messages.ts';
export { applyParams, mergeParams } from './params.ts';
export { fillServerVariables, type PromptContext, resolvePrompt } from './prompt-variables.ts';
export { replayOutput } from './replay.ts';

export interface PrepareDeps {
  database: Pick<Database, 'db'>;
  config: Pick<Config, 'get'>;
  access: Pick<Access, 'groupIds'>;
  models: ModelTable;
  folders: Pick<Folders, 'find' | 'allows'>;
  /** Reads pictures for the model; null: addresses are passed on as they are. */
  images: ImageSource | null;
  /** Steps of other features, each at its place. */
  extensions: readonly Extension[];
}

/** Everything between an admitted turn and the call of its model, as an ordered list of steps (chat pipeline note, 3). */
export function createPrepare(deps: PrepareDeps): Prepare {
  const steps = stepsOf(deps);
  return async (turn) => {
    const draft = startDraft(turn);
    try {
      for (const step of steps) {
        const done = step.run(draft);
        if (done) await done;
        turn.signal.throwIfAborted();
      }
      return finishDraft(draft);
    } catch (error) {
      await release(draft);
      throw error;
    }
  };
}

async function release({ releases }: Draft): Promise<void> {
  await Promise.all(releases.splice(0).map((end) => end()));
}

function stepsOf(deps: PrepareDeps): Step[] {
  const at = (place: Place): Step[] => deps.extensions.filter((extension) => extension.place === place);
  return [
    { name: 'arena', run: (draft) => pickModel(draft, deps) },
    { name: 'parameters', run: applyParameters },
    { name: 'history', run: (draft) => load(draft, deps) },
    { name: 'regeneration prompt', run: addRegenerationPrompt },
    ...at('compaction'),
    { name: 'attached files', run: nameAttachedFiles },
    { name: 'replay', run: replay },
    { name: 'chat prompt', run: (draft) => resolveChatPrompt(draft, deps) },
    { name: 'images', run: (draft) => showImages(draft, deps.images) },
    { name: 'folder prompt', run: (draft) => addFolderPrompt(draft, deps) },
    ...at('folder'),
    ...at('knowledge'),
    ...at('inlet'),
    ...at('features'),
    ...at('skills'),
    ...at('files'),
    ...at('tools'),
    ...at('sources'),
    ...at('request'),
    { name: 'tidy', run: tidy },
    { name: 'model prompt', run: (draft) => addModelPrompt(draft, deps) },
  ];
}

function startDraft(turn: TurnContext): Draft {
  return {
    turn,
    model: turn.model,
    selectedModelId: null,
    params: turn.params,
    messages: [],
    body: turn.request.providerBody,
    files: [...(turn.request.files ?? [])],
    sources: [],
    summary: null,
    runCode: null,
    tools: null,
    deferred: new Set(),
    releases: [],
  };
}

function finishDraft(draft: Draft): Prepared {
  const { turn, model, selectedModelId, messages, body, sources, tools } = draft;
  if (messages.length === 0) throw new HttpError(400, 'The request has no messages.', { code: 'request.messages' });
  const wanted = turn.settings.stream && hasCapability(model, 'usage', false);
  const options = isObject(body.stream_options) ? body.stream_options : {};
  const told = [...(tools ?? [])].filter(([name]) => !draft.deferred.has(name)).map(([, tool]) => tool);
  return {
    body: {
      ...body,
      ...(wanted && { stream_options: { ...options, include_usage: true } }),
      model: providerEntry(model).id,
      messages,
      stream: turn.settings.stream,
      ...(told.length > 0 && { tools: told.map(({ spec }) => ({ type: 'function', function: spec })) }),
    },
    model,
    selectedModelId,
    sources,
    summary: draft.summary,
    runCode: draft.runCode,
    tools,
    release: () => release(draft),
  };
}

async function pickModel(draft: Draft, { models, config }: PrepareDeps): Promise<void> {
  const { turn } = draft;
  if (turn.direct || !isArena(turn.model.entry)) return;
  draft.model = await pickFromArena(turn.model.entry, turn.user, models);
  draft.selectedModelId = draft.model.entry.id;
  draft.params = mergeParams(config.get('models.default_params'), draft.model.row?.params, turn.request.params);
}

/** The choices of the model's controls lie over custom parameters. */
function applyParameters(draft: Draft): void {
  const { turn, model } = draft;
  const row = isObject(model.row?.params) ? model.row.params : {};
  const controls = turn.direct ? {} : expandControls(row.model_controls, turn.settings.modelControls[model.entry.id]);
  const custom = isObject(draft.params.custom_params) ? draft.params.custom_params : {};
  const params =
    Object.keys(controls).length > 0 ? { ...draft.params, custom_params: { ...custom, ...controls } } : draft.params;
  draft.body = applyParams(draft.body, params, { ollama: isOllama(model) });
}

async function load(draft: Draft, { database }: PrepareDeps): Promise<void> {
  draft.messages = await loadHistory(database.db, draft.turn);
}

function tidy(draft: Draft): void {
  draft.messages = tidyMessages(draft.messages);
}

function addRegenerationPrompt(draft: Draft): void {
  const prompt = draft.turn.request.regenerationPrompt;
  if (prompt !== null) draft.messages = [...draft.messages, { role: 'user', content: prompt }];
}

function replay(draft: Draft): void {
  const { model } = draft;
  draft.messages = replayMessages(draft.messages, { modelId: model.entry.id, thoughts: thoughtKey(model) });
}

async function resolveChatPrompt(draft: Draft, deps: PrepareDeps): Promise<void> {
  const [first, ...rest] = draft.messages;
  if (first?.role !== 'system') return;
  const context = promptContext(draft.turn, deps);
  if (typeof first.content === 'string') {
    draft.messages = [{ ...first, content: await resolvePrompt(first.content, context) }, ...rest];
  } else if (Array.isArray(first.content)) {
    const text = await resolvePrompt(textOf(first.content), context);
    draft.messages = [{ ...first, content: text }, ...rest];
  }
}

/** The prompt of the project a chat belongs to; a guest's own choice counts where the chat is somebody else's (note 3.7). */
async function addFolderPrompt(draft: Draft, deps: PrepareDeps): Promise<void> {
  const { user, chat, request } = draft.turn;
  const id = chat?.user_id === user.id ? chat.folder_id : request.folderId;
  const folder = id === null ? null : await deps.folders.find(id);
  const prompt = folder?.data?.system_prompt;
  if (!folder || typeof prompt !== 'string' || prompt === '') return;
  if (user.role !== 'admin' && !(await deps.folders.allows(user, folder, 'read'))) return;
  draft.messages = addSystemText(draft.messages, await resolvePrompt(prompt, promptContext(draft.turn, deps)));
}

async function showImages(draft: Draft, images: ImageSource | null): Promise<void> {
  if (images) draft.messages = await inlineImages(draft.messages, (url) => images(url, draft.turn));
}

/** The prompt of the model comes first of all, once. */
async function addModelPrompt(draft: Draft, deps: PrepareDeps): Promise<void> {
  const params = draft.model.row?.params;
  const prompt = isObject(params) && typeof params.system === 'string' ? params.system : '';
  if (prompt === '' || draft.turn.direct) return;
  draft.messages = addSystemText(draft.messages, await resolvePrompt(prompt, promptContext(draft.turn, deps)));
}

/** What the variables of a prompt stand for in a turn. */
export function promptContext(turn: TurnContext, deps: Pick<PrepareDeps, 'access' | 'database'>): PromptContext {
  const own = turn.chat === null || turn.chat.user_id === turn.user.id;
  return {
    user: turn.user,
    variables: turn.request.variables,
    chatVariables: own ? (turn.request.chatVariables ?? turn.chat?.variables ?? {}) : {},
    groupNames: groupNames(turn.user.id, deps),
  };
}

/** Asks for the names of a user's groups. */
export function groupNames(userId: string, { access, database }: Pick<PrepareDeps, 'access' | 'database'>) {
  return async (): Promise<string[]> => {
    const ids = [...(await access.groupIds(userId))];
    return (await listGroups(database.db, ids)).map(({ name }) => name);
  };
}
