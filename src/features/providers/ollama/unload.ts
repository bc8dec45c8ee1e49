import { HttpError } from '../../../kernel/http/errors.ts';
import { type Connection, withoutPrefix } from '../connections.ts';
import type { ProviderKit } from '../providers.ts';
import type { Call, ModelEntry } from '../types.ts';

const TIMEOUT_MS = 30_000;

/** Takes a model out of the memory of every server that has it. 500 names those that failed. */
export async function unloadOllama(
  kit: Pick<ProviderKit, 'egress' | 'headers' | 'registry'>,
  entry: ModelEntry,
  call: Call,
  word: string,
): Promise<{ status: true }> {
  const one = async (connection: Connection): Promise<unknown> => {
    try {
      const answer = await kit.egress.request(`${connection.url}/api/generate`, {
        method: 'POST',
        headers: await kit.headers(connection, call),
        body: JSON.stringify({ model: withoutPrefix(connection, entry.id), keep_alive: 0, prompt: '' }),
        timeoutMs: TIMEOUT_MS,
        signal: call.signal,
      });
      const text = await answer.text();
      return answer.ok ? null : { url_idx: connection.index, error: text.slice(0, 500) };
    } catch (error) {
      return { url_idx: connection.index, error: error instanceof Error ? error.message : String(error) };
    }
  };
  const problems = (await Promise.all(kit.registry.ollamaServers(entry).map(one))).filter(
    (problem) => problem !== null,
  );
  kit.registry.expire();
  if (problems.length === 0) return { status: true };
  throw new HttpError(500, `Failed to unload model on ${problems.length} ${word}: ${JSON.stringify(problems)}`);
}
