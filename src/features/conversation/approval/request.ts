import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { TurnContext } from '../turn/turn.ts';

/**
 * What is kept in the `meta` of a reply that waits, so that any process can go on with it (chat pipeline note, 8.2). Later releases of
 * the reference read the same members; `system`, `background_tasks`, `model_item` and further parameters are ours.
 */
export function pausedRequest({ request, settings, direct }: TurnContext): JsonObject {
  const system = request.messages.find(({ role }) => role === 'system')?.content;
  const { title, tags, followUps } = request.backgroundTasks;
  return {
    session_id: request.sessionId,
    tool_ids: request.toolIds,
    skill_ids: request.skillIds,
    terminal_id: request.terminalId,
    tool_servers: request.toolServers,
    filter_ids: request.filterIds,
    features: request.features,
    variables: request.variables,
    files: request.files ?? [],
    params: {
      ...request.params,
      stream_delta_chunk_size: settings.deltaChunkSize > 1 ? settings.deltaChunkSize : null,
      reasoning_tags: settings.reasoningTags ?? null,
      compact_token_threshold: settings.compactTokenThreshold,
      function_calling: settings.functionCalling,
      tool_approval_mode: settings.toolApprovalMode,
      model_controls: settings.modelControls,
    },
    ...(system ? { system } : {}),
    ...(direct ? { model_item: request.directModel } : {}),
    background_tasks: {
      // A new chat has got its title while its first reply was written.
      ...(title === undefined || request.createsChat ? {} : { title_generation: title }),
      ...(tags === undefined ? {} : { tags_generation: tags }),
      ...(followUps === undefined ? {} : { follow_up_generation: followUps }),
    },
  };
}

/** A message in a chat and what its chat says about being asked. */
export interface Stored {
  chatId: string;
  /** The reply that is written. */
  replyId: string;
  model: string;
  /** `params` of the chat's document. */
  chatParams: unknown;
  /** The system prompt where neither the request nor the chat had one. */
  fallbackPrompt: string;
}

/** A completion request out of what `pausedRequest` kept, with what the chat says now. */
export function storedRequest(
  kept: unknown,
  { chatId, replyId, model, chatParams, fallbackPrompt }: Stored,
): JsonObject {
  const { params, system, ...settings } = isObject(kept) ? kept : {};
  const own = isObject(chatParams) ? chatParams : {};
  const before = isObject(params) ? params : {};
  const prompt = system ?? (typeof own.system === 'string' && own.system !== '' ? own.system : fallbackPrompt);
  return {
    ...settings,
    stream: true,
    model,
    messages: prompt ? [{ role: 'system', content: prompt }] : [],
    params: { ...own, ...before, tool_approval_mode: own.tool_approval_mode ?? before.tool_approval_mode ?? 'ask' },
    chat_id: chatId,
    id: replyId,
  };
}
