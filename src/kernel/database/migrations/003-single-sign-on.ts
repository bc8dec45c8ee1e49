import { required, seconds, table, text } from '../columns.ts';
import type { Migration } from './index.ts';

/** What signing in at identity providers needs beyond `oauth_session`. */
export const tables = {
  /** Sign-ins that have come back from the provider: each comes back once. */
  loggia_spent_sign_in: table(
    { id: required(text), expires_at: required(seconds) },
    { key: ['id'], indexes: [{ name: 'loggia_spent_sign_in_expires_idx', on: ['expires_at'] }] },
  ),
  /** Beside a row of `oauth_session` with the same id. */
  loggia_oauth_session: table(
    {
      id: required(text),
      provider: required(text),
      /** The provider's own name of the session, where it has told one. */
      sid: text,
      /** Some process is renewing the tokens, until then at most. */
      renewing_until: seconds,
    },
    { key: ['id'], indexes: [{ name: 'loggia_oauth_session_sid_idx', on: ['sid'] }] },
  ),
};

export const migration: Migration = { id: '003-single-sign-on', tables };
