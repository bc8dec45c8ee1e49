import { HttpError } from '../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { EventSink } from '../configuration/index.ts';
import type { ModelGate } from './gate.ts';
import { withOpenaiParams, withSystemPrompt } from './params.ts';
import type { ProviderKit } from './providers.ts';
import type { Call, ModelEntry } from './types.ts';

export interface ProviderRouteDeps {
  kit: ProviderKit;
  gate: ModelGate;
  config: Config;
  settings: Settings;
  events: EventSink;
}

export const openaiOff = () => new HttpError(503, 'OpenAI API is disabled');

/** A model of the OpenAI-compatible connections by id; 404 when none has it. */
export async function openaiModel(kit: ProviderKit, id: string): Promise<ModelEntry> {
  const entry = (await kit.registry.offer()).openai.get(id);
  if (!entry) throw new HttpError(404, "Model '' was not found");
  return entry;
}

/** The id at the end of a chain of presets. */
export async function baseId(gate: Pick<ModelGate, 'row'>, id: string): Promise<string> {
  const seen = new Set<string>();
  let at = id;
  while (!seen.has(at)) {
    seen.add(at);
    const row = await gate.row(at);
    if (!row?.base_model_id) return at;
    at = row.base_model_id;
  }
  return at;
}

/** A request with what the row of its model adds: parameters, system prompt, and the model behind it (note 4, 2 to 4). */
export async function withRow(
  gate: ModelGate,
  body: JsonObject,
  call: Call,
): Promise<{ id: string; body: JsonObject }> {
  const asked = typeof body.model === 'string' ? body.model : '';
  const row = await gate.row(asked);
  let result = body;
  if (row && isObject(row.params)) {
    const { system } = row.params;
    result = withOpenaiParams(body, row.params);
    if (typeof system === 'string' && system !== '') {
      const prompt = await gate.resolvePrompt(system, call.user, call.metadata);
      result = { ...result, messages: withSystemPrompt(result.messages, prompt) };
    }
  }
  await gate.check(call.user, asked);
  return { id: await baseId(gate, asked), body: result };
}
