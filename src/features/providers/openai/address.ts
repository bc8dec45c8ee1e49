import { HttpError } from '../../../kernel/http/errors.ts';
import type { JsonObject } from '../../../kernel/json.ts';
import type { Connection } from '../connections.ts';
import { isNewOpenaiModel } from './payload.ts';

/** Where a request goes, and what it carries there. */
export interface Target {
  url: string;
  body: JsonObject;
  headers: Record<string, string>;
}

const DEFAULT_VERSION = '2023-03-15-preview';
const V1 = /\/openai\/v1(?:\/|$)/;

/** What Azure's classic endpoint takes; it refuses anything else. */
const AZURE_PARAMS = new Set(
  'messages temperature role content contentPart contentPartImage enhancements dataSources n stream stop max_tokens presence_penalty frequency_penalty logit_bias user function_call functions tools tool_choice top_p log_probs top_logprobs response_format seed max_completion_tokens reasoning_effort'.split(
    ' ',
  ),
);

export function azureVersion(connection: Connection): string {
  const { api_version: version } = connection.config;
  return typeof version === 'string' && version !== '' ? version : DEFAULT_VERSION;
}

/** Whether the address is one of Azure that takes the deployment in its path (providers note, 4.4). */
export function isAzureClassic(connection: Connection): boolean {
  return connection.provider === 'azure' && !V1.test(connection.url);
}

/** The address of `path` (`chat/completions`, `embeddings`, `responses`) at a connection, and the body it takes there. */
export function targetOf(connection: Connection, path: string, body: JsonObject): Target {
  if (!isAzureClassic(connection)) return { url: `${connection.url}/${path}`, body, headers: {} };
  const version = azureVersion(connection);
  const model = typeof body.model === 'string' ? body.model : '';
  if (model === '' || /\.\.|[/\\]/.test(model)) throw new HttpError(400, 'Invalid model name for an Azure deployment');
  return {
    url: `${connection.url}/openai/deployments/${encodeURIComponent(model)}/${path}?api-version=${encodeURIComponent(version)}`,
    body: path === 'chat/completions' ? azureBody(body, model, version) : body,
    headers: { 'api-version': version },
  };
}

function azureBody(body: JsonObject, model: string, version: string): JsonObject {
  const result: JsonObject = {};
  const isNew = isNewOpenaiModel(model);
  for (const [key, value] of Object.entries(body)) {
    if (key === 'stream_options' ? version < '2024-09-01-preview' : !AZURE_PARAMS.has(key)) continue;
    if (isNew && key === 'temperature' && value !== 1) continue;
    result[isNew && key === 'max_tokens' ? 'max_completion_tokens' : key] = value;
  }
  return result;
}

/** Where a connection lists its models. */
export function modelsUrl(connection: Connection): string {
  if (!isAzureClassic(connection)) return `${connection.url}/models`;
  return `${connection.url}/openai/models?api-version=${encodeURIComponent(azureVersion(connection))}`;
}
