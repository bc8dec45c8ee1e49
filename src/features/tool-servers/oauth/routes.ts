import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Database } from '../../../kernel/database/index.ts';
import { admin, optional, verified } from '../../../kernel/http/access.ts';
import { HttpError, notFound } from '../../../kernel/http/errors.ts';
import type { User } from '../../../kernel/http/principal.ts';
import { type Route, route } from '../../../kernel/http/route.ts';
import { type Config, pluginsEnabled, type Settings } from '../../../kernel/settings/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import {
  describeProblem,
  type Flow,
  type Flows,
  flowId,
  type StoredTokens,
  spendSignIn,
} from '../../single-sign-on/index.ts';
import { type ReachDeps, reachableServers } from '../connections.ts';
import * as shapes from '../shapes.ts';
import type { ClientInfoBox } from './client-info.ts';
import { type Client, type Clients, type FetchFor, sessionName } from './clients.ts';
import { register } from './registration.ts';

export interface OAuthRouteDeps extends ReachDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  settings: Settings;
  config: Pick<Config, 'get' | 'set'>;
  log: Pick<Log, 'warn' | 'error'>;
  fetchFor: FetchFor;
  box: ClientInfoBox;
  clients: Clients;
  flows: Flows;
  tokens: Pick<StoredTokens, 'keep'>;
  findUser(id: string): Promise<User | null>;
  /** Shown to people who sign in at a server. */
  clientName: string;
}

const NEVER_CACHED = { 'cache-control': 'no-store' };
const LONGEST_REASON = 200;

/** Signing in at the authorization servers of MCP servers (identity note, 8.9). */
export function oauthRoutes(deps: OAuthRouteDeps): Route[] {
  return [
    registerRoute(deps),
    route({
      method: 'GET',
      url: '/oauth/clients/:client_id/authorize',
      access: verified,
      headers: NEVER_CACHED,
      tag: 'oauth',
      handler: ({ user, params, request, reply }) => sendThere(deps, user, params.client_id ?? '', request, reply),
    }),
    route({
      method: 'GET',
      url: '/oauth/clients/:client_id/callback',
      access: optional,
      headers: NEVER_CACHED,
      tag: 'oauth',
      handler: ({ user, params, request, reply }) => comeBack(deps, user, params.client_id ?? '', request, reply),
    }),
  ];
}

function assertEnabled(settings: Settings): void {
  if (!pluginsEnabled(settings, 'TOOL_SERVERS')) throw new HttpError(403, 'Tool servers are disabled');
}

/** An administrator has a connection registered before saving it. */
function registerRoute({ settings, config, fetchFor, box, clientName }: OAuthRouteDeps): Route {
  return route({
    method: 'POST',
    url: '/api/v1/configs/oauth/clients/register',
    access: admin,
    query: shapes.ClientRegistrationQuery,
    body: shapes.OAuthClientRegistrationForm,
    handler: async ({ body, query, request, signal }) => {
      assertEnabled(settings);
      const key = query.type ? `${query.type}:${body.client_id}` : body.client_id;
      const secret = body.client_secret ?? '';
      try {
        const info = await register(
          {
            url: body.url,
            authorizationServer: body.oauth_server_url || null,
            scope: body.oauth_scope,
            known: secret === '' ? null : { clientId: body.client_id, clientSecret: secret },
            clientName,
            redirectUri: `${addressOf(config, request)}/oauth/clients/${key}/callback`,
          },
          fetchFor([body.url, body.oauth_server_url]),
          signal,
        );
        return { status: true, oauth_client_info: box.seal(info) };
      } catch (error) {
        const reason = error instanceof Error ? error.message : 'unknown';
        throw new HttpError(400, `Failed to register OAuth client: ${oneLine(reason)}`, { cause: error });
      }
    },
  });
}

/** This server as the browser knows it; without `/` at its end. */
function addressOf(config: Pick<Config, 'get'>, request: FastifyRequest): string {
  const own = config.get('webui.url').replace(/\/+$/, '');
  // Not `request.host`: a proxy's X-Forwarded-Host counts for nothing.
  return own || `${request.protocol}://${request.headers.host ?? request.hostname}`;
}

async function sendThere(
  deps: OAuthRouteDeps,
  user: User,
  key: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  assertEnabled(deps.settings);
  const mine = (await reachableServers(deps, user)).some((one) => sessionName(one) === key);
  const registered = mine ? await deps.clients.find(key) : null;
  if (!registered) throw notFound();
  const redirectUri = `${addressOf(deps.config, request)}/oauth/clients/${key}/callback`;
  const client = await livingClient(deps, registered, redirectUri);
  const authorization = requireAuthorization(client);
  const verifier = await authorization.newVerifier();
  const start = { provider: key, userId: user.id, redirectUri, verifier, openid: false };
  const flow = await deps.flows.begin(request, reply, start);
  return reply.redirect(await authorization.url(flow), 302);
}

function requireAuthorization({ authorization }: Client) {
  if (authorization) return authorization;
  throw new HttpError(
    400,
    'OAuth authorization endpoint could not be resolved for this client. Re-register the MCP server; its OAuth discovery documents may be missing or unreachable.',
  );
}

/** The client, registered anew where its server knows it no more. */
async function livingClient(deps: OAuthRouteDeps, client: Client, redirectUri: string): Promise<Client> {
  if (!(await isForgotten(client, redirectUri))) return client;
  const { clientName, log } = deps;
  let again: Client | null;
  try {
    again = await deps.clients.registerAgain(client, { clientName, redirectUri });
  } catch (error) {
    log.warn({ err: error, server: client.connection.id }, 'an OAuth client could not be registered again');
    throw new HttpError(500, 'Failed to re-register OAuth client');
  }
  if (!again) throw new HttpError(500, 'OAuth client unavailable after re-registration');
  if (await isForgotten(again, redirectUri)) {
    throw new HttpError(500, 'OAuth client registration is still invalid after re-registration');
  }
  return again;
}

const FORGOTTEN = /invalid[_ ]client|client[ _]id|redirect[_ ]uri/i;

/** Asks the server beforehand: what it says of an unknown client is shown to the person otherwise, who can do nothing about it. */
async function isForgotten(client: Client, redirectUri: string): Promise<boolean> {
  const authorization = requireAuthorization(client);
  const url = await authorization.url({ state: 'preflight', redirectUri, verifier: await authorization.newVerifier() });
  try {
    const answer = await client.fetch(url, { signal: AbortSignal.timeout(10_000) });
    const text = answer.status < 400 || answer.headers.has('cf-mitigated') ? '' : await answer.text();
    if (text === '') await answer.body?.cancel();
    return FORGOTTEN.test(text);
  } catch {
    // Whether it can be reached is for the person's browser to find out.
    return false;
  }
}

async function comeBack(
  deps: OAuthRouteDeps,
  caller: User | null,
  key: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const address = addressOf(deps.config, request);
  try {
    await keepTokens(deps, caller, key, request, reply);
    return reply.redirect(address, 307);
  } catch (error) {
    if (error instanceof HttpError) throw error;
    const reason = reasonOf(error);
    deps.log.warn({ server: key, reason }, 'signing in at a tool server failed');
    return reply.redirect(`${address}/?${new URLSearchParams({ error: `OAuth callback failed: ${reason}` })}`, 307);
  }
}

/** Why it failed, for the person. */
class Refused extends Error {
  override readonly name = 'Refused';
}

function reasonOf(error: unknown): string {
  if (error instanceof Refused) return error.message;
  const said = error instanceof Error && 'error_description' in error ? error.error_description : null;
  const reason = typeof said === 'string' && said !== '' ? said : describeProblem(error).reason;
  return `Token exchange failed: ${oneLine(reason)}`;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, LONGEST_REASON);
}

async function keepTokens(
  deps: OAuthRouteDeps,
  caller: User | null,
  key: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  assertEnabled(deps.settings);
  const client = await deps.clients.find(key);
  if (!client?.authorization) throw notFound();
  const { state, error, error_description: description } = request.query as Record<string, unknown>;
  const flow = typeof state === 'string' ? await deps.flows.end(request, reply, key, state) : null;
  if (!flow || !(await spendSignIn(deps.database.db, flowId(flow), flow.expiresAt))) {
    throw new Refused('this browser has begun no sign-in with this state');
  }
  const user = await personOf(deps, flow, caller);
  if (typeof error === 'string') throw new Refused(oneLine(typeof description === 'string' ? description : error));
  const at = request.url.indexOf('?');
  const tokens = await client.authorization.exchange(flow, at < 0 ? '' : request.url.slice(at));
  await deps.tokens.keep(user.id, key, tokens, 1);
}

/** Who began the sign-in, if they may still use the server; whoever else is signed in here now is not meant. */
async function personOf(deps: OAuthRouteDeps, { userId, provider }: Flow, caller: User | null): Promise<User> {
  const user = userId === undefined ? null : await deps.findUser(userId);
  if (!user || (user.role !== 'user' && user.role !== 'admin') || (caller && caller.id !== user.id)) {
    throw new Refused('somebody else has begun this sign-in');
  }
  const mine = (await reachableServers(deps, user)).some((one) => sessionName(one) === provider);
  if (!mine) throw new Refused('the server is not available to you');
  return user;
}
