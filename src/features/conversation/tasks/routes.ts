import type { FastifyReply } from 'fastify';
import { admin, verified } from '../../../kernel/http/access.ts';
import { HttpError } from '../../../kernel/http/errors.ts';
import type { User } from '../../../kernel/http/principal.ts';
import { type Input, type Route, route } from '../../../kernel/http/route.ts';
import { Dict } from '../../../kernel/http/shapes.ts';
import type { JsonObject } from '../../../kernel/json.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import { announce, type EventSink } from '../../configuration/index.ts';
import type { Models, ResolvedModel } from '../../models/index.ts';
import type { Providers } from '../../providers/index.ts';
import { providerEntry } from '../prepare/index.ts';
import { sendRelay } from '../served/index.ts';
import type { TaskCaller, TaskRequest } from './caller.ts';
import { presentTaskConfig, TaskConfigForm, taskConfigValues } from './config-form.ts';
import type { TaskName } from './prompts.ts';
import type { TemplateValues } from './template.ts';

export interface TaskRoutesDeps {
  config: Pick<Config, 'get' | 'stored' | 'put'>;
  events: EventSink;
  models: Pick<Models, 'table' | 'resolve'>;
  providers: Pick<Providers, 'relay'>;
  caller: TaskCaller;
  log: Pick<Log, 'warn'>;
}

const BASE = '/api/v1/tasks';
const INTERNAL = 'An internal error has occurred.';

/** One `POST /api/v1/tasks/…/completions`. */
interface TaskRoute {
  url: string;
  task: TaskName;
  /** Throws, or gives an answer instead of a completion, while the task is switched off or the body is none. */
  check?: (body: JsonObject) => JsonObject | undefined;
  values?: (body: JsonObject) => TemplateValues;
  /** What is answered when the model cannot be called; `text` null: what went wrong. */
  failure: { status: number; text: string | null };
}

/** `/api/v1/tasks`: settings of tasks, and tasks on request (chat pipeline note, 7.3). */
export function taskRoutes(deps: TaskRoutesDeps): Route[] {
  return [...configRoutes(deps), ...taskList(deps.config).map((task) => completionRoute(task, deps))];
}

function configRoutes({ config, events }: TaskRoutesDeps): Route[] {
  return [
    route({
      method: 'GET',
      url: `${BASE}/config`,
      access: verified,
      handler: ({ user }) => presentTaskConfig(config, { whole: user.role === 'admin' }),
    }),
    route({
      method: 'POST',
      url: `${BASE}/config/update`,
      access: admin,
      body: TaskConfigForm,
      reply: TaskConfigForm,
      handler: async ({ user, body }) => {
        await config.put(taskConfigValues(body));
        announce(events, 'config.updated', user, 'tasks', { keys: Object.keys(taskConfigValues(body)) });
        return presentTaskConfig(config, { whole: true });
      },
    }),
  ];
}

function taskList(config: Pick<Config, 'get'>): TaskRoute[] {
  const off = (detail: string): JsonObject => ({ detail });
  return [
    {
      url: 'title',
      task: 'title_generation',
      check(body) {
        if (!config.get('task.title.enable')) return off('Title generation is disabled');
        if (!body.model) throw new HttpError(400, NO_MODEL);
        return undefined;
      },
      failure: { status: 400, text: INTERNAL },
    },
    {
      url: 'follow_up',
      task: 'follow_up_generation',
      check: () => (config.get('task.follow_up.enable') ? undefined : off('Follow-up generation is disabled')),
      failure: { status: 400, text: INTERNAL },
    },
    {
      url: 'tags',
      task: 'tags_generation',
      check: () => (config.get('task.tags.enable') ? undefined : off('Tags generation is disabled')),
      failure: { status: 500, text: INTERNAL },
    },
    { url: 'image_prompt', task: 'image_prompt_generation', failure: { status: 400, text: INTERNAL } },
    {
      url: 'queries',
      task: 'query_generation',
      check(body) {
        const search = body.type === 'web_search';
        if (config.get(search ? 'task.query.search.enable' : 'task.query.retrieval.enable')) return undefined;
        throw new HttpError(400, search ? 'Search query generation is disabled' : 'Query generation is disabled');
      },
      failure: { status: 400, text: null },
    },
    {
      url: 'auto',
      task: 'autocomplete_generation',
      check: (body) => checkAutocompletion(body, config),
      values: (body) => ({ ...messagesOf(body), prompt: textOf(body.prompt), type: textOf(body.type) }),
      failure: { status: 500, text: INTERNAL },
    },
    {
      url: 'emoji',
      task: 'emoji_generation',
      values: (body) => ({ messages: [], prompt: textOf(body.prompt) }),
      failure: { status: 400, text: null },
    },
    {
      url: 'moa',
      task: 'moa_response_generation',
      values: (body) => ({ messages: [], prompt: textOf(body.prompt), responses: textsOf(body.responses) }),
      failure: { status: 400, text: null },
    },
  ];
}

const NO_MODEL = 'No model specified for title generation. Please ensure a model is selected for this chat.';

function checkAutocompletion(body: JsonObject, config: Pick<Config, 'get'>): undefined {
  if (!config.get('task.autocomplete.enable')) throw new HttpError(400, 'Autocompletion generation is disabled');
  const limit = config.get('task.autocomplete.input_max_length');
  if (limit > 0 && textOf(body.prompt).length > limit) {
    throw new HttpError(400, `Input prompt exceeds maximum length of ${limit}`);
  }
}

function messagesOf({ messages }: JsonObject): { messages: readonly unknown[] } {
  return { messages: Array.isArray(messages) ? messages : [] };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
}

function completionRoute(one: TaskRoute, deps: TaskRoutesDeps): Route {
  return route({
    method: 'POST',
    url: `${BASE}/${one.url}/completions`,
    access: verified,
    body: Dict(),
    handler: async (input) => {
      const instead = one.check?.(input.body);
      if (instead) return instead;
      const modelId = textOf(input.body.model);
      if (!(await deps.models.table()).has(modelId)) throw new HttpError(404, "Model '' was not found");
      try {
        const model = await deps.models.resolve(input.user, modelId);
        if (!model) throw new HttpError(one.failure.status, one.failure.text ?? 'Model not found');
        const stream = one.task === 'moa_response_generation' && input.body.stream === true;
        const request = requestOf(one, input, model);
        return stream ? await streamed(request, input.reply, deps) : await deps.caller.complete(request);
      } catch (error) {
        throw failureOf(error, one);
      }
    },
  });
}

type TaskInput = Input<User, undefined, JsonObject, undefined>;

function requestOf(
  one: TaskRoute,
  { user, body, request, credential, signal }: TaskInput,
  model: ResolvedModel,
): TaskRequest {
  const metadata: JsonObject = {};
  for (const key of ['chat_id', 'message_id', 'session_id'])
    if (typeof body[key] === 'string') metadata[key] = body[key];
  const { cookie, 'user-agent': userAgent } = request.headers;
  return {
    task: one.task,
    user,
    model,
    values: one.values?.(body) ?? messagesOf(body),
    metadata: { ...metadata, task_body: body },
    signal,
    caller: { credential, cookie, userAgent },
  };
}

async function streamed(request: TaskRequest, reply: FastifyReply, deps: TaskRoutesDeps): Promise<FastifyReply> {
  const { model, body, call } = await deps.caller.prepare(request);
  const relay = await deps.providers.relay(providerEntry(model), { ...body, stream: true }, call);
  return sendRelay(reply, relay, { log: deps.log, model: model.entry.id });
}

/** A provider's own answer passes; all else is told in the words of the route. */
function failureOf(error: unknown, { failure }: TaskRoute): unknown {
  if (!(error instanceof HttpError)) return error;
  if (error.body !== undefined) return error;
  return new HttpError(failure.status, failure.text ?? error.detail, {
    cause: error,
    ...(error.code && { code: error.code }),
  });
}
