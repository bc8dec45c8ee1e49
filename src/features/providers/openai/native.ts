import type { Incoming } from '../../../kernel/egress/index.ts';
import { detail, HttpError } from '../../../kernel/http/errors.ts';
import type { JsonObject } from '../../../kernel/json.ts';
import type { Connection } from '../connections.ts';
import type { ProviderKit } from '../providers.ts';
import { openaiModel } from '../route-deps.ts';
import type { Call } from '../types.ts';
import { ANTHROPIC_VERSION, isAnthropic } from './anthropic-list.ts';
import { upstreamId } from './payload.ts';

/** A request to a connection that speaks the Messages API itself (providers note, 7.2). Throws HttpError, 502 when nobody answers. */
export async function openNative(
  kit: ProviderKit,
  model: { id: string },
  path: string,
  body: JsonObject,
  call: Call,
): Promise<Incoming> {
  const entry = await openaiModel(kit, model.id);
  const connection = kit.openaiConnection(entry);
  const sent = JSON.stringify({ ...body, model: upstreamId(connection, entry) });
  const request = { method: 'POST', url: `${connection.url}/${path}`, body: sent, headers: ownHeaders(connection) };
  try {
    const isStreamed = body.stream === true;
    return await kit.openai.pass(withoutBearer(connection), entry.id, request, call, isStreamed);
  } catch (error) {
    if (error instanceof HttpError && error.code === 'provider.unreachable') {
      throw new HttpError(502, detail.SERVER_CONNECTION_ERROR, { cause: error.cause });
    }
    throw error;
  }
}

/** Anthropic takes the key in a header of its own. */
function withoutBearer(connection: Connection): Connection {
  return isAnthropic(connection) && connection.authType === 'bearer' ? { ...connection, authType: 'none' } : connection;
}

function ownHeaders(connection: Connection): Record<string, string> {
  if (!isAnthropic(connection)) return {};
  const given = new Set(Object.keys(connection.headers ?? {}).map((name) => name.toLowerCase()));
  return {
    ...(!given.has('anthropic-version') && { 'anthropic-version': ANTHROPIC_VERSION }),
    ...(!given.has('x-api-key') && connection.authType === 'bearer' && { 'x-api-key': connection.key }),
  };
}
