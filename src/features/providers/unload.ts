import { HttpError } from '../../kernel/http/errors.ts';
import { withoutPrefix } from './connections.ts';
import { unloadOllama } from './ollama/unload.ts';
import { readFailure } from './openai/client.ts';
import { rootUrl } from './openai/management-routes.ts';
import type { ProviderKit } from './providers.ts';
import type { Call, ModelEntry } from './types.ts';

const TIMEOUT_MS = 30_000;

/** Takes a provider's model out of its memory (providers note, 9.5). */
export async function unloadModel(kit: ProviderKit, entry: ModelEntry, call: Call): Promise<unknown> {
  if (entry.owned_by === 'ollama') return unloadOllama(kit, entry, call, 'node(s)');
  const connection = kit.openaiConnection(entry);
  if (connection.provider !== 'llama.cpp') {
    const named = connection.provider || 'default';
    throw new HttpError(400, `Provider "${named}" does not support model unloading`);
  }
  const answer = await kit.egress.request(`${rootUrl(connection.url)}/models/unload`, {
    method: 'POST',
    headers: await kit.headers(connection, call),
    body: JSON.stringify({ model: withoutPrefix(connection, entry.id) }),
    timeoutMs: TIMEOUT_MS,
    signal: call.signal,
  });
  kit.registry.expire();
  if (answer.status >= 400) {
    const { body } = await readFailure(connection, answer);
    throw new HttpError(answer.status, body);
  }
  return answer.json();
}
