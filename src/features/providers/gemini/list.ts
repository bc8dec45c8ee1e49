import type { Egress } from '../../../kernel/egress/index.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Connection } from '../connections.ts';
import { ListRefused } from '../openai/anthropic-list.ts';

/** Whether a connection speaks Gemini's own protocol: its address without `/openai`, or any that says so. */
export function isGemini({ url, config }: Pick<Connection, 'url' | 'config'>): boolean {
  if (config.api_type === 'gemini') return true;
  return url.includes('generativelanguage.googleapis.com') && !/\/openai(?:\/|$)/.test(url);
}

const MAX_PAGES = 20;

/** All models that generate content, page by page. Throws ListRefused. */
export async function geminiList(
  egress: Pick<Egress, 'request'>,
  connection: Connection,
  timeoutMs: number | null,
  headers: Record<string, string>,
): Promise<JsonObject[]> {
  const found: JsonObject[] = [];
  let token = '';
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const next = token ? `&pageToken=${encodeURIComponent(token)}` : '';
    const answer = await egress.request(`${connection.url}/models?pageSize=1000${next}`, { headers, timeoutMs });
    if (answer.status !== 200) throw new ListRefused(answer.status, await answer.text());
    const body = await answer.json();
    if (!isObject(body) || !Array.isArray(body.models)) throw new Error('the answer holds no list of models');
    for (const model of body.models) {
      if (!isObject(model) || typeof model.name !== 'string') continue;
      const methods = model.supportedGenerationMethods;
      if (Array.isArray(methods) && !methods.includes('generateContent')) continue;
      const id = model.name.replace(/^models\//, '');
      const name = typeof model.displayName === 'string' && model.displayName ? model.displayName : id;
      found.push({ id, object: 'model', created: 0, owned_by: 'google', name });
    }
    if (typeof body.nextPageToken !== 'string' || body.nextPageToken === '') break;
    token = body.nextPageToken;
  }
  return found;
}
