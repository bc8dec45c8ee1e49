import type { FastifyRequest } from 'fastify';

/** A row of table `user`, decoded. */
export interface User {
  id: string;
  email: string;
  username: string | null;
  name: string;
  /** `admin`, `user` or `pending`; other texts are stored by API clients and count as no role. */
  role: string;
  profile_image_url: string | null;
  profile_banner_image_url: string | null;
  bio: string | null;
  gender: string | null;
  /** `YYYY-MM-DD` */
  date_of_birth: string | null;
  timezone: string | null;
  presence_state: string | null;
  status_emoji: string | null;
  status_message: string | null;
  status_expires_at: number | null;
  info: unknown;
  variables: unknown;
  settings: unknown;
  oauth: unknown;
  scim: unknown;
  /** Seconds. */
  last_active_at: number;
  updated_at: number;
  created_at: number;
}

/** What proved the caller's identity on this request. */
export interface Credential {
  /** `internal`: a token the server made for itself (automations, sub-agents); no person holds it. */
  kind: 'session' | 'internal' | 'api_key';
  token: string;
  /** Decoded claims of a session token; empty for API keys. */
  claims: Readonly<Record<string, unknown>>;
  /** Of an API key with a name of its own; the account's one plain key has none. */
  keyId?: string;
}

export interface Principal {
  user: User;
  credential: Credential;
}

/** What `kernel/http` needs to know about accounts; `features/accounts` gives it. */
export interface Authenticator {
  /** The caller, or an HttpError with the reference's status and text (identity note, 4). */
  authenticate(request: FastifyRequest): Promise<Principal>;
  /** The caller where being anonymous is allowed; null on any failure and for pending accounts. */
  identify(request: FastifyRequest): Promise<Principal | null>;
}

/** Whether the permission tree allows `permission` (dotted, e.g. `features.notes`) to the user; administrators may all. */
export type PermissionCheck = (user: User, permission: string) => boolean | Promise<boolean>;
