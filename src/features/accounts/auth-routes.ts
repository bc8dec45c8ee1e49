import type { FastifyReply } from 'fastify';
import { admin, anyone, current, human, verified } from '../../kernel/http/access.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import {
  accountByEmail,
  deleteOAuthSession,
  deleteOAuthSessions,
  loadAccounts,
  oauthProviderOf,
  primaryUser,
  updateUser,
  userByEmail,
  userById,
} from './account-store.ts';
import { announceAccount } from './announce.ts';
import { assertKeysAllowed } from './api-keys.ts';
import { assertDay, assertProfileImage, assertRole, authRoute, SMALL_BODY } from './auth-route.ts';
import { signOutCredentialOf } from './carriers.ts';
import { answerSignIn, clearSessionCookies, setTokenCookie } from './cookies.ts';
import { issueSession, type SignInResult } from './issue.ts';
import { imagePath, presentProfileImage, presentSessionInfo } from './present.ts';
import { type AccountService, addAccount, changeOwnPassword, signUp } from './service.ts';
import * as shapes from './shapes.ts';
import { countPasswordFor, systemAccount, trustedAccount, verifyPassword } from './sign-in.ts';
import { parseLifetime } from './tokens.ts';
import { readAnnounced } from './trusted-headers.ts';

const BASE = '/api/v1/auths';

/** Sign-up, sign-in, sign-out, the session and the caller's own account. */
export function authRoutes(service: AccountService): Route[] {
  return [...sessionRoutes(service), ...ownRoutes(service), ...adminRoutes(service)].map(authRoute);
}

function sessionRoutes(service: AccountService): Route[] {
  const { options, access, database } = service;
  const answer = (reply: FastifyReply, result: SignInResult) => answerSignIn(reply, result, options);
  return [
    route({
      method: 'GET',
      url: `${BASE}/`,
      access: human,
      reply: shapes.SessionUserInfoResponse,
      async handler({ user, credential, reply }) {
        if (!credential) throw new HttpError(401, detail.NOT_AUTHENTICATED);
        const { token, claims } = credential;
        const signed = { token, expires_at: typeof claims.exp === 'number' ? claims.exp : null };
        setTokenCookie(reply, signed, options, true);
        return presentSessionInfo(user, signed, await access.permissionTree(user));
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/signin`,
      access: anyone,
      bodyLimit: SMALL_BODY,
      body: shapes.SigninForm,
      reply: shapes.SigninResponse,
      async handler({ body, request, reply }) {
        if (!options.passwordSignIn) throw new HttpError(403, detail.ACTION_PROHIBITED);
        if (options.trusted) {
          const account = await trustedAccount(service, readAnnounced(request, options.trusted));
          return answer(reply, await issueSession(service, account, 'trusted_header'));
        }
        if (!options.authRequired) {
          return answer(reply, await issueSession(service, await systemAccount(service), 'system'));
        }
        if (await service.signInLimit.isLimited(body.email)) throw new HttpError(429, detail.RATE_LIMIT_EXCEEDED);
        await countPasswordFor(service, body.email);
        const account = await verifyPassword(service, body.email, body.password);
        return answer(reply, await issueSession(service, account, 'password'));
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/signup`,
      access: anyone,
      body: shapes.SignupForm,
      reply: shapes.SigninResponse,
      async handler({ body, request, reply }) {
        assertProfileImage(body.profile_image_url, options);
        const limited =
          (await service.signUpLimit.isLimited(`signup:ip:${request.ip}`)) ||
          (await service.signInLimit.isLimited(`signup:${body.email}`));
        if (limited) throw new HttpError(429, detail.RATE_LIMIT_EXCEEDED, { headers: { 'retry-after': '180' } });
        const user = await signUp(service, body);
        const account = await accountByEmail(database.db, user.email);
        if (!account) throw new HttpError(500, 'An internal error occurred during signup.');
        return answer(reply, await issueSession(service, account, 'password'));
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/signout`,
      access: anyone,
      async handler({ request, reply }) {
        const { token: cookie, oauth_session_id: oauthSession } = request.cookies;
        const token = signOutCredentialOf({ headers: request.headers, cookie });
        const userId = token !== null && !token.startsWith('sk-') ? await service.signOut(token) : null;
        clearSessionCookies(reply, Boolean(oauthSession));
        if (userId !== null) await announceSignOut(service, userId, oauthSession);
        const endpoint = oauthSession ? await endProviderSession(service, oauthSession) : null;
        const redirect = endpoint ?? options.signOutRedirect;
        return redirect ? { status: true, redirect_url: redirect } : { status: true };
      },
    }),
  ];
}

async function announceSignOut(service: AccountService, userId: string, oauthSession?: string): Promise<void> {
  const { database, events, sessions } = service;
  const actor = (await sessions.account(userId))?.user ?? null;
  const provider = oauthSession ? await oauthProviderOf(database.db, userId, oauthSession) : null;
  const source = provider === null ? {} : { source: 'oauth', data: { auth_method: 'oauth', provider } };
  announceAccount(events, 'auth.logout', { actor, id: userId, ...source });
}

/** Forgets the provider session; gives where the browser ends it at the provider. */
async function endProviderSession(
  { database, endSession, config }: AccountService,
  id: string,
): Promise<string | null> {
  const fixed = config.get('oauth.end_session_endpoint');
  try {
    // The address is asked for first: it may need what is stored of the session.
    return fixed || ((await endSession?.(id)) ?? null);
  } finally {
    await deleteOAuthSession(database.db, id);
  }
}

function ownRoutes(service: AccountService): Route[] {
  const { options, database, events, userChanged } = service;
  return [
    route({
      method: 'POST',
      url: `${BASE}/update/profile`,
      access: verified,
      body: shapes.UpdateProfileForm,
      reply: shapes.UserProfileImageResponse,
      async handler({ user, body }) {
        assertProfileImage(body.profile_image_url, options);
        assertDay('date_of_birth', body.date_of_birth);
        const found = await updateUser(database.db, user.id, body);
        userChanged(user.id, 'changed');
        const changed = found ? await userById(database.db, user.id) : null;
        if (!changed) throw new HttpError(400, detail.DEFAULT);
        announceAccount(events, 'user.profile_updated', { actor: user, data: { updated_fields: Object.keys(body) } });
        return presentProfileImage(changed);
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/update/timezone`,
      access: current,
      body: shapes.UpdateTimezoneForm,
      async handler({ user, body }) {
        await updateUser(database.db, user.id, { timezone: body.timezone });
        userChanged(user.id, 'changed');
        announceAccount(events, 'user.updated', { actor: user, data: { updated_fields: ['timezone'] } });
        return { status: true };
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/update/password`,
      access: current,
      body: shapes.UpdatePasswordForm,
      async handler({ user, body }) {
        if (options.trusted) throw new HttpError(400, detail.ACTION_PROHIBITED);
        await changeOwnPassword(service, user, body.password, body.new_password);
        return true;
      },
    }),
    route({
      method: 'DELETE',
      url: `${BASE}/oauth/sessions/*`,
      access: verified,
      async handler({ user, params }) {
        const provider = params['*'] ?? '';
        if (!(await deleteOAuthSessions(database.db, user.id, provider))) {
          throw new HttpError(404, 'No OAuth session found for this provider');
        }
        announceAccount(events, 'auth.oauth_session.deleted', { actor: user, data: { provider } });
        return true;
      },
    }),
    ...apiKeyRoutes(service),
  ];
}

function apiKeyRoutes(service: AccountService): Route[] {
  const { apiKeys, events } = service;
  const url = `${BASE}/api_key`;
  return [
    route({
      method: 'GET',
      url,
      access: current,
      reply: shapes.ApiKey,
      async handler({ user }) {
        await assertKeysAllowed(service, user);
        const key = await apiKeys.get(user.id);
        if (key === null) throw new HttpError(404, detail.API_KEY_NOT_FOUND);
        return { api_key: key };
      },
    }),
    route({
      method: 'POST',
      url,
      access: current,
      reply: shapes.ApiKey,
      async handler({ user }) {
        await assertKeysAllowed(service, user);
        const key = await apiKeys.replace(user.id);
        announceAccount(events, 'auth.api_key.created', { actor: user });
        return { api_key: key };
      },
    }),
    route({
      method: 'DELETE',
      url,
      access: current,
      async handler({ user }) {
        await assertKeysAllowed(service, user);
        await apiKeys.remove(user.id);
        announceAccount(events, 'auth.api_key.deleted', { actor: user });
        return true;
      },
    }),
  ];
}

function adminRoutes(service: AccountService): Route[] {
  const { config, database, options, tokens } = service;
  return [
    route({
      method: 'POST',
      url: `${BASE}/add`,
      access: admin,
      body: shapes.AddUserForm,
      reply: shapes.AddUserResponse,
      async handler({ user: actor, body }) {
        assertProfileImage(body.profile_image_url, options);
        const role = body.role ?? 'pending';
        assertRole(role);
        const user = await addAccount(service, actor, { ...body, role });
        const { id, email, name } = user;
        const account = { id, email, name, role: user.role };
        if (config.get('auth.mfa.enable')) return { ...account, profile_image_url: user.profile_image_url ?? '' };
        const stamp = (await loadAccounts(database.db, [id])).get(id)?.auth?.stamp ?? null;
        const lifetime = parseLifetime(config.get('auth.jwt_expiry'));
        const { token } = await tokens.sign({ id, typ: 'session', session_stamp: stamp }, lifetime);
        return { token, token_type: 'Bearer', ...account, profile_image_url: imagePath(id) };
      },
    }),
    route({
      method: 'GET',
      url: `${BASE}/admin/details`,
      access: current,
      async handler() {
        if (!config.get('auth.admin.show')) throw new HttpError(400, detail.ACTION_PROHIBITED);
        const email = config.get('auth.admin.email');
        if (email) return { name: (await userByEmail(database.db, email))?.name ?? null, email };
        const primary = await primaryUser(database.db);
        return { name: primary?.name ?? null, email: primary?.email ?? null };
      },
    }),
  ];
}
