import type { User } from '../../kernel/http/principal.ts';
import { isObject } from '../../kernel/json.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { EventSink } from '../configuration/index.ts';
import type { Connection } from './connections.ts';
import { type Failure, shownOf } from './failures.ts';

function isRefusal(problem: unknown): problem is Failure {
  return isObject(problem) && typeof problem.status === 'number' && 'body' in problem;
}

function kindOf(status: number, text: string): string {
  if (status === 404 && /model.*(?:not found|does not exist)/is.test(text)) return 'model_not_found';
  if (status === 401 || status === 403) return 'authentication_failed';
  if (status === 429) return 'rate_limited';
  return status >= 500 ? 'server_failed' : 'upstream_error';
}

/** Logs a failed request to a provider; a refusal is an event too (providers note, 2.5). */
export function announceFailure(
  { events, log }: { events: EventSink; log: Log },
  connection: Connection,
  model: string | null,
  problem: unknown,
  actor: User,
): void {
  if (!isRefusal(problem)) {
    log.warn({ err: problem, url: connection.url, model }, 'the provider cannot be reached');
    return;
  }
  const { status } = problem;
  const shown = shownOf(problem);
  const message = typeof shown === 'string' ? shown : isObject(shown) ? shown.message : null;
  const text = typeof message === 'string' ? message : JSON.stringify(shown);
  const code = isObject(shown) ? shown.code : null;
  const data = {
    error_type: kindOf(status, text),
    status,
    provider: connection.kind === 'ollama' ? 'ollama' : 'openai-compatible',
    base_url: connection.url,
    ...(model !== null && { requested_model: model }),
    ...(connection.key !== '' && connection.kind === 'openai' && { api_key_suffix: `...${connection.key.slice(-4)}` }),
    ...((typeof code === 'string' || typeof code === 'number') && { upstream_error_code: code }),
    upstream_message: text.slice(0, 2_000),
  };
  if (status >= 500) log.error(data, 'the provider failed');
  else log.warn(data, 'the provider refused');
  events.publish('model.provider_request.failed', { actor, ...(model !== null && { subject: { id: model } }), data });
}
