import type { Database } from '../../../kernel/database/index.ts';
import type { User } from '../../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import type { Access } from '../../access/index.ts';
import type { Models, ResolvedModel } from '../../models/index.ts';
import type { Call, Caller, Providers } from '../../providers/index.ts';
import {
  addSystemText,
  applyParams,
  type ChatMessage,
  fillServerVariables,
  groupNames,
  isArena,
  isOllama,
  mergeParams,
  pickFromArena,
  providerEntry,
  resolvePrompt,
} from '../prepare/index.ts';
import { type TaskName, templateOf } from './prompts.ts';
import { fillTemplate, type TemplateValues } from './template.ts';

export interface TaskCallerDeps {
  database: Pick<Database, 'db'>;
  config: Pick<Config, 'get'>;
  access: Pick<Access, 'groupIds'>;
  models: Pick<Models, 'table' | 'resolve' | 'find'>;
  providers: Pick<Providers, 'complete' | 'relay'>;
}

/** What a task is asked about, and for whom. */
export interface TaskRequest {
  task: TaskName;
  user: User;
  /** The model of the conversation; the user may use it. */
  model: ResolvedModel;
  values: TemplateValues;
  /** Default: the administrator's template or the built-in one. */
  template?: string;
  /** Asked apart from the template, which then tells the model what it does. */
  question?: string;
  /** What header templates and plugins are told: `chat_id`, `message_id` … */
  metadata: JsonObject;
  signal: AbortSignal;
  caller?: Caller;
}

/** A task as the provider is asked. */
export interface TaskCall {
  model: ResolvedModel;
  body: JsonObject;
  call: Call;
}

/** Calls of models beside a conversation (chat pipeline note, 7.2). */
export interface TaskCaller {
  prepare(request: TaskRequest): Promise<TaskCall>;
  /** The provider's whole completion; throws as `Providers.complete` does. */
  complete(request: TaskRequest): Promise<JsonObject>;
}

const TITLE_TOKENS = 1_000;
const EMOJI_TOKENS = 4;

export function createTaskCaller(deps: TaskCallerDeps): TaskCaller {
  async function prepare(request: TaskRequest): Promise<TaskCall> {
    const { task, user, caller } = request;
    const names = groupNames(user.id, deps);
    const model = await taskModel(request, deps);
    const template = await fillServerVariables(request.template ?? templateOf(deps.config, task), {
      user,
      groupNames: names,
    });
    const prompt = fillTemplate(template, request.values);
    const own = isObject(model.row?.params) ? model.row.params : {};
    const body = bodyOf(task, model, own, deps.config);
    let messages: ChatMessage[] =
      request.question === undefined
        ? [{ role: 'user', content: prompt }]
        : [
            { role: 'system', content: prompt },
            { role: 'user', content: request.question },
          ];
    if (typeof own.system === 'string' && own.system !== '') {
      const context = { user, variables: {}, chatVariables: {}, groupNames: names };
      messages = addSystemText(messages, await resolvePrompt(own.system, context));
    }
    return {
      model,
      body: { ...body, messages },
      call: {
        user,
        signal: request.signal,
        metadata: { ...request.metadata, user_id: user.id, task },
        ...(caller && { caller }),
      },
    };
  }
  return {
    prepare,
    async complete(request) {
      const { model, body, call } = await prepare(request);
      return deps.providers.complete(providerEntry(model), body, call);
    },
  };
}

/**
 * The site's model for tasks where one is set and there; else the conversation's. A merge is always the conversation's, and so is what
 * a browser's own model is asked: whose word its entry is must not reach the site's models.
 */
async function taskModel({ task, user, model }: TaskRequest, deps: TaskCallerDeps): Promise<ResolvedModel> {
  if (task !== 'moa_response_generation' && model.entry.direct !== true) {
    const id = deps.config.get(modelKeyOf(task, model));
    const chosen = id === '' ? null : await deps.models.find(id);
    if (chosen) return isArena(chosen.entry) ? pickFromArena(chosen.entry, user, deps.models) : chosen;
  }
  return isArena(model.entry) ? pickFromArena(model.entry, user, deps.models) : model;
}

/** Where the site says which model does a task. */
function modelKeyOf(task: TaskName, model: ResolvedModel) {
  if (task === 'context_compaction') return 'chat.context_compaction.model';
  return providerEntry(model).connection_type === 'local' ? 'task.model.default' : 'task.model.external';
}

function bodyOf(task: TaskName, model: ResolvedModel, own: JsonObject, config: TaskCallerDeps['config']): JsonObject {
  const body: JsonObject = { model: providerEntry(model).id, stream: false };
  const configured = task === 'moa_response_generation' ? {} : taskParams(config);
  const limited = Object.keys(configured).length > 0;
  const bounded = task === 'title_generation' || task === 'context_compaction';
  if (bounded && !limited) body.max_tokens = own.max_tokens ?? TITLE_TOKENS;
  if (task === 'emoji_generation') body.max_tokens = EMOJI_TOKENS;
  const ollama = isOllama(model);
  return applyParams(body, mergeParams({}, own, configured), { ollama });
}

/** Emptied fields of the administrator's form count as not set. */
function taskParams(config: TaskCallerDeps['config']): JsonObject {
  const params = Object.entries(config.get('task.model.params'));
  return Object.fromEntries(params.filter(([, value]) => value !== null && value !== ''));
}
