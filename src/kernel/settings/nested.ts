import { isObject } from '../json.ts';
import { configKeys, isConfigKey } from './config-keys/index.ts';

/** Settings written before each had a row of its own (configuration note, 1.5). */
const renamed: Record<string, string> = {
  'oauth.refresh_token_include_scope': 'oauth.refresh_token.include_scope',
  'rag.openai_api_base_url': 'rag.openai.api_base_url',
  'rag.openai_api_key': 'rag.openai.api_key',
  'rag.ollama.url': 'rag.ollama.base_url',
  'rag.ollama.key': 'rag.ollama.api_key',
  'oauth.oidc.avatar_claim': 'oauth.picture_claim',
  'oauth.oidc.oauth_timeout': 'oauth.timeout',
};

/** Members of `oauth.oidc` that moved up to `oauth`. */
const movedUp = new Set([
  'client_id',
  'client_secret',
  'code_challenge_method',
  'email_claim',
  'end_session_endpoint',
  'group_claim',
  'provider_name',
  'provider_url',
  'redirect_uri',
  'scopes',
  'sub_claim',
  'token_endpoint_auth_method',
  'username_claim',
]);

const byVariable = new Map<string, string>();
for (const [key, { variable }] of Object.entries(configKeys)) if (variable) byVariable.set(variable, key);
for (const [name, key] of [
  ['USER_PERMISSIONS', 'user.permissions'],
  ['OAUTH_GROUP_CLAIM', 'oauth.group_claim'],
  ['IMAGES_OPENAI_API_PARAMS', 'image_generation.openai.params'],
  ['OLLAMA_CLOUD_WEB_SEARCH_API_KEY', 'web.search.ollama_cloud_api_key'],
] as const) {
  byVariable.set(name, key);
}

const sections = new Set(Object.keys(configKeys).map((key) => key.split('.')[0] ?? key));

/** Today's name of a path of the old form. */
export function currentKey(path: string): string {
  const variable = byVariable.get(path);
  if (variable) return variable;
  const direct = renamed[path];
  if (direct) return direct;
  const oidc = /^oauth\.oidc\.(.+)$/.exec(path)?.[1];
  if (oidc && movedUp.has(oidc)) return `oauth.${oidc}`;
  const web = /^rag\.web\.(.+)$/.exec(path)?.[1];
  return web ? `web.${web}` : path;
}

/**
 * Settings as flat rows: members that are nested sections of the old form (`ui`, `rag` …) are taken apart, everything else
 * stays as it is. The first of two members that mean the same key wins.
 */
export function flatSettings(data: Record<string, unknown>): Map<string, unknown> {
  const rows = new Map<string, unknown>();
  const put = (key: string, value: unknown) => {
    if (!rows.has(key)) rows.set(key, value);
  };
  const walk = (path: string, value: unknown) => {
    if (isObject(value) && !isConfigKey(currentKey(path)) && Object.keys(value).length > 0) {
      for (const [member, inner] of Object.entries(value)) walk(`${path}.${member}`, inner);
    } else put(currentKey(path), value);
  };
  for (const [name, value] of Object.entries(data)) {
    if (isObject(value) && sections.has(name) && !isConfigKey(name)) walk(name, value);
    else put(byVariable.get(name) ?? name, value);
  }
  return rows;
}
