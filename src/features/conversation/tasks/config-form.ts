import { Bool, Default, Dict, Int, Nullable, Optional, type Static, Str } from '../../../kernel/http/shapes.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import { field, formShape, formValues, readForm } from '../../configuration/index.ts';

/** The settings of tasks as the administrator's page has them (chat pipeline note, 7.3). */
const form = {
  TASK_MODEL: field('task.model.default', Nullable(Str())),
  TASK_MODEL_EXTERNAL: field('task.model.external', Nullable(Str())),
  TASK_MODEL_PARAMS: field('task.model.params', Optional(Nullable(Dict()))),
  ENABLE_TITLE_GENERATION: field('task.title.enable', Bool()),
  TITLE_GENERATION_PROMPT_TEMPLATE: field('task.title.prompt_template', Str()),
  IMAGE_PROMPT_GENERATION_PROMPT_TEMPLATE: field('task.image.prompt_template', Str()),
  ENABLE_AUTOCOMPLETE_GENERATION: field('task.autocomplete.enable', Bool()),
  AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH: field('task.autocomplete.input_max_length', Default(Nullable(Int()), null)),
  AUTOCOMPLETE_GENERATION_PROMPT_TEMPLATE: field('task.autocomplete.prompt_template', Str()),
  TAGS_GENERATION_PROMPT_TEMPLATE: field('task.tags.prompt_template', Str()),
  FOLLOW_UP_GENERATION_PROMPT_TEMPLATE: field('task.follow_up.prompt_template', Str()),
  ENABLE_FOLLOW_UP_GENERATION: field('task.follow_up.enable', Bool()),
  ENABLE_TAGS_GENERATION: field('task.tags.enable', Bool()),
  ENABLE_SEARCH_QUERY_GENERATION: field('task.query.search.enable', Bool()),
  ENABLE_RETRIEVAL_QUERY_GENERATION: field('task.query.retrieval.enable', Bool()),
  QUERY_GENERATION_PROMPT_TEMPLATE: field('task.query.prompt_template', Str()),
  TOOLS_FUNCTION_CALLING_PROMPT_TEMPLATE: field('task.tools.prompt_template', Str()),
  ENABLE_VOICE_MODE_PROMPT: field('task.voice.prompt.enable', Bool()),
  VOICE_MODE_PROMPT_TEMPLATE: field('task.voice.prompt_template', Nullable(Str())),
} as const;

export const TaskConfigForm = formShape('TaskConfigForm', form);
export type TaskConfigForm = Static<typeof TaskConfigForm>;

const NO_LIMIT = -1;

/** The settings in effect. Prompts are the administrators' own; others learn only whether there is one. */
export function presentTaskConfig(config: Pick<Config, 'get' | 'stored'>, { whole }: { whole: boolean }): JsonObject {
  const values = readForm(config, form);
  if (whole) return values;
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, name.endsWith('_PROMPT_TEMPLATE') ? '' : value]),
  );
}

/** What a submitted form stores. */
export function taskConfigValues(body: JsonObject): JsonObject {
  const limit = body.AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH ?? NO_LIMIT;
  const params = isObject(body.TASK_MODEL_PARAMS) ? body.TASK_MODEL_PARAMS : {};
  return formValues(form, {
    ...body,
    AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH: limit,
    ...('TASK_MODEL_PARAMS' in body && { TASK_MODEL_PARAMS: params }),
  });
}
