import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Connection } from './connections.ts';
import type { OllamaClient } from './ollama/client.ts';
import { targetOf } from './openai/address.ts';
import type { OpenaiClient } from './openai/client.ts';
import { upstreamId } from './openai/payload.ts';
import type { Call, ModelEntry } from './types.ts';

interface EmbedDeps {
  openai: OpenaiClient;
  ollama: OllamaClient;
  openaiConnection(entry: ModelEntry): Connection;
}

/** Embeddings in the OpenAI form (providers note, 11.2 and 6.6). Throws HttpError. */
export function createEmbed({ openai, ollama, openaiConnection }: EmbedDeps) {
  return async (model: ModelEntry, body: JsonObject, call: Call): Promise<unknown> => {
    if (model.owned_by !== 'ollama') {
      const connection = openaiConnection(model);
      const target = targetOf(connection, 'embeddings', { ...body, model: upstreamId(connection, model) });
      return (await openai.post(connection, model.id, target, call)).json();
    }
    const { input, truncate, options, keep_alive: keepAlive } = body;
    const sent = Object.entries({ input, truncate, options, keep_alive: keepAlive }).filter(
      ([, value]) => value !== undefined,
    );
    const answer = await ollama.post(
      model,
      '/api/embed',
      (name) => ({ model: name, ...Object.fromEntries(sent) }),
      call,
    );
    return openaiEmbeddings(await answer.json(), model.id);
  };
}

function openaiEmbeddings(answer: unknown, model: string): unknown {
  if (!isObject(answer) || Array.isArray(answer.data)) return answer;
  const list: unknown[] = Array.isArray(answer.embeddings)
    ? answer.embeddings
    : answer.embedding === undefined
      ? []
      : [answer.embedding];
  const data = list.map((embedding, index) => ({ object: 'embedding', embedding, index }));
  return { object: 'list', data, model };
}
