import { HttpError } from '../../../kernel/http/errors.ts';
import type { Route } from '../../../kernel/http/route.ts';
import type { AccountService } from '../service.ts';
import { hashOf } from './codes.ts';

/**
 * While a second factor is asked for, one address may post to these routes only so often (identity note, 6): guessing is not
 * spread over accounts.
 */
export function limitByAddress(
  { config, addressLimit }: Pick<AccountService, 'config' | 'addressLimit'>,
  routes: readonly Route[],
): Route[] {
  return routes.map((one) => {
    if (!one.methods.includes('POST')) return one;
    return {
      ...one,
      async handler(input) {
        if (config.get('auth.mfa.enable') && (await addressLimit.isLimited(`mfa:ip:${hashOf(input.request.ip)}`))) {
          throw new HttpError(429, 'Too many attempts. Please try again later.', { headers: { 'retry-after': '900' } });
        }
        return one.handler(input);
      },
    };
  });
}
