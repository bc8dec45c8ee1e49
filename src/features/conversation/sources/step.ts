import { type Config, ragTemplate } from '../../../kernel/settings/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import {
  addSystemText,
  addUserText,
  type Draft,
  type Extension,
  fillServerVariables,
  hasCapability,
  lastUserText,
} from '../prepare/index.ts';
import { readQueries } from '../tasks/answers.ts';
import type { TaskCaller } from '../tasks/index.ts';
import { contextBlock, countSources, fillContextTemplate } from './context-block.ts';
import type { FindSources } from './file-texts.ts';

export interface SourceStepDeps {
  config: Pick<Config, 'get'>;
  log: Pick<Log, 'warn'>;
  caller: TaskCaller;
  find: FindSources;
  /** RAG_SYSTEM_CONTEXT: the context goes to the system message. */
  inSystem: boolean;
  /** RAG_SOURCE_METADATA_KEYS. */
  metadataKeys: readonly string[];
}

/** Attached files become sources that the model is shown and the client cites (chat pipeline note, 3.13). */
export function sourceStep(deps: SourceStepDeps): Extension {
  return { place: 'sources', name: 'sources of files', run: (draft) => addSources(draft, deps) };
}

async function addSources(draft: Draft, deps: SourceStepDeps): Promise<void> {
  const found = await sourcesOfFiles(draft, deps);
  // What tools gave before is shown to the model the same way.
  const sources = [...draft.sources, ...found];
  draft.sources.push(...found.filter(({ source }) => source.name || source.id));
  const question = lastUserText(draft.messages);
  if (sources.length === 0 || question === '') return;
  const own = deps.config.get('rag.template');
  const template = await fillServerVariables(own.trim() === '' ? ragTemplate : own, {
    user: null,
    groupNames: async () => [],
  });
  const context = contextBlock(sources, deps.metadataKeys).trim();
  const text = fillContextTemplate(template, context, question);
  draft.messages = deps.inSystem
    ? addSystemText(draft.messages, text, 'after')
    : addUserText(draft.messages, text, 'before');
}

async function sourcesOfFiles(draft: Draft, deps: SourceStepDeps) {
  const { turn } = draft;
  const items = draft.files.filter(({ type }) => type !== 'filesystem');
  if (items.length === 0 || !hasCapability(draft.model, 'file_context', true)) return [];
  const isWhole = deps.config.get('rag.full_context') || items.every(({ context }) => context === 'full');
  let queries: readonly string[] = [lastUserText(draft.messages)];
  if (!items.every(({ context }) => context === 'full')) {
    const asked = await askQueries(draft, deps);
    turn.emit({ type: 'status', data: { action: 'queries_generated', queries: asked, done: false } });
    if (asked.length > 0) queries = asked;
  }
  const sources = await deps.find(items, { user: turn.user, queries, whole: isWhole });
  const count = countSources(sources);
  turn.emit({ type: 'status', data: { action: 'sources_retrieved', count, done: true } });
  return sources;
}

/** What to look for, in the words of a model; none when it cannot be asked. */
async function askQueries({ turn, model, messages }: Draft, deps: SourceStepDeps): Promise<string[]> {
  if (!deps.config.get('task.query.retrieval.enable')) return [];
  try {
    const { user, metadata, signal } = turn;
    const values = { messages };
    const completion = await deps.caller.complete({ task: 'query_generation', user, model, values, metadata, signal });
    return readQueries(completion) ?? [];
  } catch (error) {
    turn.signal.throwIfAborted();
    deps.log.warn({ err: error, chat: turn.chatId }, 'no search queries could be made; the question itself is used');
    return [];
  }
}
