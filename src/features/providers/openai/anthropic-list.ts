import type { Egress } from '../../../kernel/egress/index.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Connection } from '../connections.ts';

export const ANTHROPIC_VERSION = '2023-06-01';

export function isAnthropic(connection: Pick<Connection, 'url'>): boolean {
  return connection.url.includes('api.anthropic.com');
}

/** The provider refused to list its models. */
export class ListRefused extends Error {
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

const MAX_PAGES = 20;

/** All models of Anthropic's own API, page by page (providers note, 7.1). Throws ListRefused. */
export async function anthropicList(
  egress: Pick<Egress, 'request'>,
  connection: Connection,
  timeoutMs: number | null,
  extra: Record<string, string> = {},
): Promise<JsonObject[]> {
  const headers = { ...extra, 'x-api-key': connection.key, 'anthropic-version': ANTHROPIC_VERSION };
  const found: JsonObject[] = [];
  let after = '';
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const next = after ? `&after_id=${encodeURIComponent(after)}` : '';
    const answer = await egress.request(`${connection.url}/models?limit=1000${next}`, { headers, timeoutMs });
    if (answer.status !== 200) throw new ListRefused(answer.status, await answer.text());
    const body = await answer.json();
    if (!isObject(body) || !Array.isArray(body.data)) throw new Error('the answer holds no list of models');
    for (const model of body.data) {
      if (!isObject(model) || typeof model.id !== 'string') continue;
      const name = typeof model.display_name === 'string' && model.display_name ? model.display_name : model.id;
      found.push({ id: model.id, object: 'model', created: 0, owned_by: 'anthropic', name });
    }
    if (body.has_more !== true || typeof body.last_id !== 'string') break;
    after = body.last_id;
  }
  return found;
}
