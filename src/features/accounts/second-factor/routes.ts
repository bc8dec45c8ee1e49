import type { FastifyReply, FastifyRequest } from 'fastify';
import { admin, anyone, human } from '../../../kernel/http/access.ts';
import { detail, HttpError } from '../../../kernel/http/errors.ts';
import type { Credential, Principal, User } from '../../../kernel/http/principal.ts';
import { type Route, route } from '../../../kernel/http/route.ts';
import { loadAccounts, oauthProviderOf, primaryUser } from '../account-store.ts';
import { authRoute } from '../auth-route.ts';
import { challengeCookie, clearChallengeCookie, setSessionCookie, setTokenCookie } from '../cookies.ts';
import { completeSignIn } from '../issue.ts';
import type { AccountService } from '../service.ts';
import { MfaChallengeResponse, SessionUserResponse } from '../shapes.ts';
import { expiredChallenge } from './challenges.ts';
import { assertRecent, beginReplacement, confirmEnrolment, renewRecoveryCodes, startEnrolment } from './enrolment.ts';
import { secondFactorNeeded } from './policy.ts';
import { resetAccount, TICKET_LIFE } from './reset.ts';
import * as shapes from './shapes.ts';
import { type Passed, redeemTicket, resumeChallenge, verifyFactor } from './sign-in.ts';
import { readState } from './state.ts';
import { noteEvent } from './steps.ts';

const BASE = '/api/v1/auths/mfa';

/** The second factor: during sign-in, and changes to one's own (identity note, 7.5). */
export function secondFactorRoutes(service: AccountService): Route[] {
  return [...signInRoutes(service), ...ownRoutes(service), resetRoute(service)].map(authRoute);
}

/** Of these the token of a challenge is the credential. */
function signInRoutes(service: AccountService): Route[] {
  const { secondFactor, config } = service;
  return [
    route({
      method: 'POST',
      url: `${BASE}/challenge`,
      access: anyone,
      reply: MfaChallengeResponse,
      async handler({ request, reply }) {
        assertSameOrigin(request, config.get('webui.url'));
        const token = challengeCookie(request);
        try {
          if (token === null) throw expiredChallenge();
          const challenge = await resumeChallenge(secondFactor, token);
          clearChallengeCookie(reply);
          return challenge;
        } catch (error) {
          if (!(error instanceof HttpError) || error.status >= 500) throw error;
          clearChallengeCookie(reply);
          throw expiredChallenge();
        }
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/enroll/start`,
      access: anyone,
      body: shapes.MfaChallengeForm,
      reply: shapes.MfaSetupResponse,
      handler: ({ body }) => startEnrolment(secondFactor, body.challenge_token),
    }),
    route({
      method: 'POST',
      url: `${BASE}/enroll/confirm`,
      access: anyone,
      body: shapes.MfaVerifyForm,
      reply: shapes.MfaConfirmResponse,
      async handler({ body, reply }) {
        const { recovery_codes, passed } = await confirmEnrolment(secondFactor, body.challenge_token, body.code);
        return passed ? { ...(await signedIn(service, reply, passed)), recovery_codes } : { recovery_codes };
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/verify`,
      access: anyone,
      body: shapes.MfaVerifyForm,
      reply: SessionUserResponse,
      handler: async ({ body, reply }) =>
        signedIn(service, reply, await verifyFactor(secondFactor, body.challenge_token, body)),
    }),
    route({
      method: 'POST',
      url: `${BASE}/recover`,
      access: anyone,
      body: shapes.MfaRecoveryForm,
      reply: MfaChallengeResponse,
      handler: ({ body }) => redeemTicket(secondFactor, body.challenge_token, body.reset_token),
    }),
  ];
}

function ownRoutes({ secondFactor, config, database }: AccountService): Route[] {
  return [
    route({
      method: 'GET',
      url: `${BASE}/status`,
      access: human,
      reply: shapes.MfaStatusResponse,
      async handler({ user, credential }) {
        const { auth } = (await loadAccounts(database.db, [user.id])).get(user.id) ?? {};
        const state = readState(auth?.mfa);
        return {
          enabled: state.secret !== null,
          required: secondFactorNeeded(config, credential?.claims.auth_method),
          recovery_codes_remaining: state.recovery_hashes.length,
        };
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/replace`,
      access: human,
      body: shapes.MfaFactorForm,
      reply: MfaChallengeResponse,
      handler: ({ user, credential, body }) => beginReplacement(secondFactor, principal(user, credential), body),
    }),
    route({
      method: 'POST',
      url: `${BASE}/recovery/codes`,
      access: human,
      body: shapes.MfaFactorForm,
      reply: shapes.MfaRecoveryCodesResponse,
      handler: ({ user, credential, body }) => renewRecoveryCodes(secondFactor, principal(user, credential), body),
    }),
  ];
}

/** What `loggia mfa reset` does, for administrators who have just signed in. */
function resetRoute(service: AccountService): Route {
  const { database, userChanged, secondFactor } = service;
  return route({
    method: 'POST',
    url: '/api/v1/users/:user_id/mfa/reset',
    access: admin,
    body: shapes.MfaResetForm,
    reply: shapes.MfaResetResponse,
    async handler({ user, credential, params, body }) {
      if (credential?.kind !== 'session') throw new HttpError(403, 'A human session is required.');
      assertRecent(credential.claims);
      const id = params.user_id ?? '';
      const primary = await primaryUser(database.db);
      if (primary?.id === id && user.id !== id) throw new HttpError(403, detail.ACTION_PROHIBITED);
      const ticket = await resetAccount(database, id);
      if (ticket === null) throw new HttpError(404, 'User not found.');
      userChanged(id, 'revoked');
      noteEvent(secondFactor, 'reset_requested', { id }, { by: user.id, reason: body.reason });
      return { reset_token: ticket, expires_in: TICKET_LIFE };
    },
  });
}

function principal(user: User, credential: Credential | null): Principal {
  if (!credential) throw new HttpError(401, detail.NOT_AUTHENTICATED);
  return { user, credential };
}

/** The answer of a sign-in that has passed the second factor, with its cookies. */
async function signedIn(service: AccountService, reply: FastifyReply, passed: Passed) {
  const { options, database } = service;
  const { signed, body } = await completeSignIn(service, passed);
  setTokenCookie(reply, signed, options);
  const { oauth_session_id: sessionId } = passed.challenge;
  if (sessionId !== null && (await oauthProviderOf(database.db, passed.user.id, sessionId)) !== null) {
    const cookie = { value: sessionId, expiresAt: signed.expires_at, httpOnly: true };
    setSessionCookie(reply, 'oauth_session_id', cookie, options);
  }
  clearChallengeCookie(reply);
  return body;
}

/** The cookie alone would let any page go on with somebody's sign-in. */
function assertSameOrigin(request: FastifyRequest, siteUrl: string): void {
  const own = URL.parse(siteUrl)?.origin ?? URL.parse(`${request.protocol}://${request.headers.host}`)?.origin;
  const given = request.headers.origin;
  if (own === undefined || given === undefined || URL.parse(given)?.origin !== own) {
    throw new HttpError(403, 'Invalid request origin.');
  }
}
