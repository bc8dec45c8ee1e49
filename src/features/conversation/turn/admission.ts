import { HttpError } from '../../../kernel/http/errors.ts';
import type { User } from '../../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import type { ModelEntry, Models } from '../../models/index.ts';
import { mergeParams } from '../prepare/params.ts';
import type { ChatRequest } from './request.ts';
import type { ChatKind, TurnModel, TurnSettings } from './turn.ts';

export interface AdmissionDeps {
  models: Pick<Models, 'resolve'>;
  config: Pick<Config, 'get'>;
  /** Deltas joined at least, where neither model nor site say so. */
  deltaChunkSize: number;
}

/** A model the user may use for this request, with what it makes of the request's parameters. */
export interface AdmittedModel {
  model: TurnModel;
  params: JsonObject;
  settings: TurnSettings;
}

export function modelNotFound(): HttpError {
  return new HttpError(400, 'Model not found', { code: 'model.unknown' });
}

/** Steps 2 to 9 of note 1.2 for one model of a request. 400 when it is absent or not the user's, or the parameters are none. */
export async function admitModel(
  deps: AdmissionDeps,
  { user, request, kind, internal }: { user: User; request: ChatRequest; kind: ChatKind; internal: boolean },
  modelId: string,
): Promise<AdmittedModel> {
  const { config } = deps;
  const model = request.directModel ? directModel(request.directModel) : await deps.models.resolve(user, modelId);
  if (!model) throw modelNotFound();
  const picks = request.params.model_controls ?? {};
  if (!isObject(picks)) throw new HttpError(400, 'Model control options must be keyed by model.');
  if (model.fallback && Object.keys(picks).length > 0) {
    throw new HttpError(400, 'Model control options cannot be applied to the fallback model.');
  }
  const [defaults, own] = [config.get('models.default_params'), model.row?.params];
  const params = mergeParams(defaults, own, request.params);
  const fixed = mergeParams(defaults, own, {});
  const asks = config.get('chat.tool_permissions.enable') && kind !== 'channel' && !(internal && request.automationId);
  return {
    model,
    params,
    settings: {
      stream: typeof fixed.stream_response === 'boolean' ? fixed.stream_response : request.stream,
      functionCalling: params.function_calling === 'legacy' ? 'legacy' : 'native',
      toolApprovalMode: asks && params.tool_approval_mode === 'ask' ? 'ask' : 'full',
      reasoningTags: fixed.reasoning_tags ?? params.reasoning_tags,
      deltaChunkSize: Math.max(
        deps.deltaChunkSize,
        whole(fixed.stream_delta_chunk_size ?? params.stream_delta_chunk_size) ?? 1,
      ),
      compactTokenThreshold: whole(fixed.compact_token_threshold ?? params.compact_token_threshold),
      modelControls: internal && request.automationId ? {} : picks,
    },
  };
}

/** What stands for a model that cannot be used, in a turn that only tells so. */
export function unknownModel(id: string): TurnModel {
  return { entry: { id, name: id, owned_by: '' }, row: null, base: null, fallback: false };
}

/** A model whose connection the browser holds: the entry is the client's word, so it never stands for one of the server. */
function directModel(entry: JsonObject): TurnModel | null {
  const id = typeof entry.id === 'string' ? entry.id : '';
  if (id === '') return null;
  const name = typeof entry.name === 'string' ? entry.name : id;
  const direct: ModelEntry = { ...entry, id, name, owned_by: 'openai', direct: true };
  return { entry: direct, row: null, base: null, fallback: false };
}

function whole(value: unknown): number | null {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 1 ? Math.trunc(number) : null;
}
