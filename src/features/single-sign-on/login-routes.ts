import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Database } from '../../kernel/database/index.ts';
import type { Egress } from '../../kernel/egress/index.ts';
import { anyone } from '../../kernel/http/access.ts';
import { notFound } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import type { Account } from '../accounts/index.ts';
import { type AdmissionDeps, admit, applyGroups } from './admission.ts';
import { textClaim } from './claims.ts';
import type { Exchanged, ProviderClient } from './client.ts';
import type { Clients } from './clients.ts';
import { type Flows, flowId } from './flow.ts';
import { personClaims, readPerson } from './identity.ts';
import { fetchPicture, type PictureRules } from './picture.ts';
import { describeProblem, SignInFailed } from './problems.ts';
import { spendSignIn } from './store.ts';
import type { StoredTokens } from './stored-tokens.ts';

export interface LoginDeps extends AdmissionDeps {
  database: Database;
  egress: Egress;
  clients: Clients;
  flows: Flows;
  tokens: StoredTokens;
  pictures: PictureRules;
}

export const SESSION_COOKIE = 'oauth_session_id';
const ID_TOKEN_COOKIE = 'oauth_id_token';
const NEVER_CACHED = { 'cache-control': 'no-store' };

/** The way to a provider and back (identity note, 8.3 and 8.4). */
export function loginRoutes(deps: LoginDeps): Route[] {
  const common = { method: 'GET', access: anyone, headers: NEVER_CACHED, tag: 'oauth' } as const;
  const callback = (request: FastifyRequest, reply: FastifyReply, name: string) => comeBack(deps, request, reply, name);
  return [
    route({
      ...common,
      url: '/oauth/:provider/login',
      handler: ({ params, request, reply }) => sendThere(deps, request, reply, params.provider ?? ''),
    }),
    route({
      ...common,
      url: '/oauth/:provider/callback',
      handler: ({ params, request, reply }) => callback(request, reply, params.provider ?? ''),
    }),
    route({
      ...common,
      url: '/oauth/:provider/login/callback',
      handler: ({ params, request, reply }) => callback(request, reply, params.provider ?? ''),
    }),
  ];
}

/** Throws 404 unless people may sign in at this provider. */
function assertOffered({ config, clients }: LoginDeps, name: string): void {
  if (!config.get('oauth.enable') || !clients.providers().has(name)) throw notFound('Not Found');
}

/** This server as the browser knows it; without `/` at its end. */
function addressOf({ config }: Pick<LoginDeps, 'config'>, request: FastifyRequest): string {
  const own = config.get('webui.url').trim().replace(/\/+$/, '');
  // Anything but an address would be a place on this server.
  if (/^https?:\/\//i.test(own) && URL.canParse(own)) return own;
  // Not `request.host`: a proxy's X-Forwarded-Host counts for nothing.
  return `${request.protocol}://${request.headers.host ?? request.hostname}`;
}

/** Every failure is told on the sign-in page; to nowhere else is anybody ever sent. */
function refuse(deps: LoginDeps, request: FastifyRequest, reply: FastifyReply, provider: string, error: unknown) {
  const { reason, shown, fault } = describeProblem(error);
  if (fault) deps.log.error({ err: fault, provider }, 'signing in at an identity provider failed');
  else deps.log.warn({ provider, reason }, 'signing in at an identity provider was refused');
  const query = new URLSearchParams({ error: shown });
  return reply.redirect(`${addressOf(deps, request)}/auth?${query}`, 307);
}

async function sendThere(deps: LoginDeps, request: FastifyRequest, reply: FastifyReply, name: string) {
  assertOffered(deps, name);
  try {
    const client = await requireClient(deps, name);
    const { provider } = client;
    const flow = await deps.flows.begin(request, reply, {
      provider: name,
      redirectUri: provider.redirectUri ?? `${addressOf(deps, request)}/oauth/${name}/callback`,
      verifier: client.newVerifier(),
      openid: provider.scope.split(/\s+/).includes('openid'),
    });
    const audience = deps.config.get('oauth.audience');
    const params = { ...provider.authorizeParams, ...(audience !== '' && { audience }) };
    return reply.redirect(await client.authorizationUrl(flow, params), 302);
  } catch (error) {
    return refuse(deps, request, reply, name, error);
  }
}

async function requireClient({ clients }: LoginDeps, name: string): Promise<ProviderClient> {
  const client = await clients.client(name);
  if (!client) throw new SignInFailed('the provider is not configured any more');
  return client;
}

async function comeBack(deps: LoginDeps, request: FastifyRequest, reply: FastifyReply, name: string) {
  assertOffered(deps, name);
  try {
    const exchanged = await tradeCode(deps, request, reply, name);
    const account = await accountOf(deps, await requireClient(deps, name), exchanged);
    return await enter(deps, request, reply, name, account, exchanged);
  } catch (error) {
    return refuse(deps, request, reply, name, error);
  }
}

/** Tokens for the code the browser brought, once for each sign-in this browser has begun. */
async function tradeCode(
  deps: LoginDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  name: string,
): Promise<Exchanged> {
  const { state } = request.query as Record<string, unknown>;
  const flow = typeof state === 'string' ? await deps.flows.end(request, reply, name, state) : null;
  if (!flow) throw new SignInFailed('this browser has begun no sign-in with this state');
  // Before the code is traded: two requests with one state must not both go on.
  if (!(await spendSignIn(deps.database.db, flowId(flow), flow.expiresAt))) {
    throw new SignInFailed('this sign-in has come back before');
  }
  const client = await requireClient(deps, name);
  const at = request.url.indexOf('?');
  return client.exchange(flow, at < 0 ? '' : request.url.slice(at));
}

async function accountOf(deps: LoginDeps, client: ProviderClient, { tokens, claims }: Exchanged): Promise<Account> {
  const { config } = deps;
  const accessToken = tokens.access_token;
  const person = await readPerson(client, deps, await personClaims(client, config, accessToken, claims), accessToken);
  const account = await admit(deps, person, async () => {
    const name = config.get('oauth.picture_claim');
    const url = name === '' ? null : (textClaim(person.claims, name) ?? client.provider.pictureUrl);
    return url === null ? null : fetchPicture({ ...deps, rules: deps.pictures }, client, url, accessToken);
  });
  await applyGroups(deps, account, [person.claims]);
  return account;
}

/** Begins the session; the browser goes to the sign-in page, which reads it from the cookie. */
async function enter(
  deps: LoginDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  provider: string,
  account: Account,
  { tokens }: Exchanged,
) {
  const { accounts, settings } = deps;
  const page = `${addressOf(deps, request)}/auth`;
  const sessionId = await keepTokens(deps, account.user.id, provider, tokens);
  const result = await accounts.signIn(account, { oauth_session_id: sessionId, provider });
  if (result.kind === 'pending') {
    accounts.clearCookie(reply, 'token');
    return reply.redirect(`${page}?pending=1`, 307);
  }
  if (result.kind === 'challenge') {
    accounts.clearCookie(reply, 'token');
    accounts.setChallengeCookie(reply, result.body.challenge_token);
    return reply.redirect(`${page}?mfa=1`, 307);
  }
  const { token, expires_at: expiresAt } = result.signed;
  accounts.setCookie(reply, 'token', token, expiresAt, true);
  if (sessionId !== null) accounts.setCookie(reply, SESSION_COOKIE, sessionId, expiresAt);
  if (settings.get('ENABLE_OAUTH_ID_TOKEN_COOKIE') && typeof tokens.id_token === 'string') {
    accounts.setCookie(reply, ID_TOKEN_COOKIE, tokens.id_token, expiresAt);
  }
  return reply.redirect(page, 307);
}

/** Without its tokens the session is as good, but for what is done in the person's name elsewhere. */
async function keepTokens(
  { tokens, log }: LoginDeps,
  userId: string,
  provider: string,
  given: Exchanged['tokens'],
): Promise<string | null> {
  try {
    return await tokens.keep(userId, provider, given);
  } catch (error) {
    log.error({ err: error, provider, user: userId }, 'the tokens of a sign-in could not be stored');
    return null;
  }
}
