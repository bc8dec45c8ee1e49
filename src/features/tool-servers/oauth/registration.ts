import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { FetchLike } from '../mcp/fetch.ts';
import { GRANTS, scopeText, storedClient } from './client-info.ts';
import { type Discovered, discover, texts } from './discovery.ts';

export interface Registration {
  /** Address of the tool server. */
  url: string;
  /** Named by the administrator; null: the tool server names it. */
  authorizationServer: string | null;
  scope: string | null;
  /** A client the administrator has made there; null: one is registered now. */
  known: { clientId: string; clientSecret: string } | null;
  /** Shown to people who sign in. */
  clientName: string;
  redirectUri: string;
}

/** Makes this program a client of a tool server's authorization server; gives what is to be kept. Throws with a text for people. */
export async function register(asked: Registration, fetch: FetchLike, signal: AbortSignal): Promise<JsonObject> {
  const found = await discover(asked.url, {
    fetch,
    signal,
    ...(asked.authorizationServer !== null && { authorizationServer: asked.authorizationServer }),
  });
  const offered = texts(found.metadata.token_endpoint_auth_methods_supported);
  const scope = scopeText(asked.scope) || found.scopes.join(' ');
  const { known, clientName: name, redirectUri } = asked;
  if (known) {
    const authMethod = methodOf(offered, 'client_secret_basic');
    return storedClient({ ...known, name, redirectUri, scope, authMethod, discovered: found });
  }
  const wanted = {
    client_name: name,
    redirect_uris: [redirectUri],
    grant_types: GRANTS,
    response_types: ['code'],
    token_endpoint_auth_method: methodOf(offered, 'client_secret_post'),
    scope: scope || texts(found.metadata.scopes_supported).join(' '),
  };
  const answered = await postRegistration(found, wanted, fetch, signal);
  return storedClient({
    clientId: String(answered.client_id),
    clientSecret: typeof answered.client_secret === 'string' ? answered.client_secret : null,
    name,
    redirectUri,
    scope: typeof answered.scope === 'string' ? answered.scope : wanted.scope,
    authMethod:
      typeof answered.token_endpoint_auth_method === 'string'
        ? answered.token_endpoint_auth_method
        : wanted.token_endpoint_auth_method,
    discovered: found,
    answered,
  });
}

/** What is usual where it is offered, else the first that is. */
function methodOf(offered: readonly string[], usual: string): string {
  return offered.length === 0 || offered.includes(usual) ? usual : (offered[0] ?? usual);
}

const LONGEST_REASON = 200;

async function postRegistration(
  { metadata }: Discovered,
  wanted: JsonObject,
  fetch: FetchLike,
  signal: AbortSignal,
): Promise<JsonObject> {
  const named = metadata.registration_endpoint;
  const url = typeof named === 'string' ? named : new URL('/register', metadata.issuer).href;
  const { scope, ...rest } = wanted;
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(scope === '' ? rest : wanted),
    signal,
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`the server answered ${answer.status}: ${text.slice(0, LONGEST_REASON)}`);
  const value = parsed(text);
  if (!isObject(value) || typeof value.client_id !== 'string' || value.client_id === '') {
    throw new Error('the server registered no client');
  }
  // Some servers say "" for what is not there.
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, one === '' ? null : one]));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
