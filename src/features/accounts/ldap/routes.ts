import { anyone } from '../../../kernel/http/access.ts';
import { detail, HttpError } from '../../../kernel/http/errors.ts';
import { type Route, route } from '../../../kernel/http/route.ts';
import { Str, shape } from '../../../kernel/http/shapes.ts';
import { authRoute, SMALL_BODY } from '../auth-route.ts';
import { answerSignIn } from '../cookies.ts';
import { issueSession } from '../issue.ts';
import type { AccountService } from '../service.ts';
import { SigninResponse } from '../shapes.ts';
import { directoryAccount } from './sign-in.ts';

const LdapForm = shape('LdapForm', { user: Str(), password: Str() });

const tooOften = (): HttpError => new HttpError(429, detail.RATE_LIMIT_EXCEEDED, { headers: { 'retry-after': '180' } });

const busy = (): HttpError =>
  new HttpError(503, 'Authentication is temporarily unavailable.', { headers: { 'retry-after': '10' } });

/** Sign-ins that may wait for the directory: one that hangs takes no more of the server than this. */
const MAX_AT_ONCE = 100;

/** Sign-in with a name and password of the company's directory. */
export function ldapRoutes(service: AccountService): Route[] {
  const { config, options } = service;
  let running = 0;
  return [
    authRoute(
      route({
        method: 'POST',
        url: '/api/v1/auths/ldap',
        access: anyone,
        bodyLimit: SMALL_BODY,
        body: LdapForm,
        reply: SigninResponse,
        async handler({ body, reply }) {
          if (!config.get('ldap.enable')) throw new HttpError(400, 'LDAP authentication is not enabled');
          if (!options.passwordSignIn) throw new HttpError(403, detail.ACTION_PROHIBITED);
          if (body.password.trim() === '') throw new HttpError(400, detail.INVALID_CRED);
          // Without this, anybody could guess passwords of the directory, or have it lock accounts.
          if (await service.signInLimit.isLimited(`ldap:${body.user}`)) throw tooOften();
          if (running >= MAX_AT_ONCE) throw busy();
          running += 1;
          const account = await directoryAccount(service, body.user, body.password).finally(() => {
            running -= 1;
          });
          return answerSignIn(reply, await issueSession(service, account, 'ldap'), options);
        },
      }),
    ),
  ];
}
