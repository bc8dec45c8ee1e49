import { isObject } from '../../kernel/json.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';

/** A login provider as it is configured now (identity note, 8.1). */
export interface LoginProvider {
  name: string;
  /** What its button says. */
  label: string;
  clientId: string;
  /** Null: a public client. */
  clientSecret: string | null;
  /** Where it says everything about itself, or what it would say. */
  endpoints: { discovery: string } | StaticEndpoints;
  scope: string;
  /** Member of the claims that names the person, unless the administrator chose another. */
  subjectClaim: string;
  /** Null: this server's own callback. */
  redirectUri: string | null;
  /** `never`: the provider does not know it. `offered`: where it says it does. */
  pkce: 'always' | 'offered' | 'never';
  /** How the client proves itself to the token endpoint; null: in a way that is not known here. */
  clientAuth: ClientAuthMethod | null;
  /** Sent with every authorization request. */
  authorizeParams: Readonly<Record<string, string>>;
  /** Asked for a picture where the claims name none. */
  pictureUrl: string | null;
  /** Milliseconds one request to the provider may take. */
  timeoutMs: number;
}

export interface StaticEndpoints {
  issuer: string;
  authorization: string;
  token: string;
  userinfo: string;
}

const AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'none'] as const;
export type ClientAuthMethod = (typeof AUTH_METHODS)[number];

type Reader = Pick<Config, 'get'>;
type Environment = Pick<Settings, 'get'>;

/** Milliseconds; the sign-in page waits for it. */
const DEFAULT_TIMEOUT_MS = 15_000;

/** The providers that are configured in full, by name, in the order they are offered. */
export function configuredProviders(config: Reader, settings: Environment): ReadonlyMap<string, LoginProvider> {
  const found = new Map<string, LoginProvider>();
  for (const build of [google, microsoft, github, oidc, feishu]) {
    const provider = build(config, settings);
    if (provider) found.set(provider.name, provider);
  }
  return found;
}

function common(config: Reader, settings: Environment) {
  const seconds = Number(config.get('oauth.timeout'));
  return {
    redirectUri: null,
    pkce: config.get('oauth.code_challenge_method') ? 'always' : 'offered',
    clientAuth: 'client_secret_basic',
    authorizeParams: texts(settings.get('OAUTH_AUTHORIZE_PARAMS')),
    pictureUrl: null,
    subjectClaim: 'sub',
    timeoutMs: seconds > 0 ? seconds * 1_000 : DEFAULT_TIMEOUT_MS,
  } as const;
}

function google(config: Reader, settings: Environment): LoginProvider | null {
  const credential = pair(config.get('oauth.google.client_id'), config.get('oauth.google.client_secret'));
  if (!credential) return null;
  const base = common(config, settings);
  return {
    ...base,
    ...credential,
    name: 'google',
    label: 'google',
    endpoints: { discovery: 'https://accounts.google.com/.well-known/openid-configuration' },
    scope: config.get('oauth.google.scope'),
    redirectUri: config.get('oauth.google.redirect_uri') || null,
    authorizeParams: { ...base.authorizeParams, ...texts(settings.get('GOOGLE_OAUTH_AUTHORIZE_PARAMS')) },
  };
}

function microsoft(config: Reader, settings: Environment): LoginProvider | null {
  const credential = pair(config.get('oauth.microsoft.client_id'), config.get('oauth.microsoft.client_secret'));
  const tenant = config.get('oauth.microsoft.tenant_id');
  if (!credential || tenant === '') return null;
  const base = config.get('oauth.microsoft.login_base_url').replace(/\/+$/, '');
  const query = new URLSearchParams({ appid: credential.clientId });
  // Of the public cloud the library knows issuers that differ by tenant, if it may find the document itself.
  const document = base === 'https://login.microsoftonline.com' ? '' : '/.well-known/openid-configuration';
  return {
    ...common(config, settings),
    ...credential,
    name: 'microsoft',
    label: 'microsoft',
    endpoints: { discovery: `${base}/${tenant}/v2.0${document}?${query}` },
    scope: config.get('oauth.microsoft.scope'),
    redirectUri: config.get('oauth.microsoft.redirect_uri') || null,
    pictureUrl: config.get('oauth.microsoft.picture_url') || null,
  };
}

function github(config: Reader, settings: Environment): LoginProvider | null {
  const credential = pair(config.get('oauth.github.client_id'), config.get('oauth.github.client_secret'));
  if (!credential) return null;
  return {
    ...common(config, settings),
    ...credential,
    name: 'github',
    label: 'github',
    endpoints: {
      issuer: 'https://github.com/login/oauth',
      authorization: 'https://github.com/login/oauth/authorize',
      token: 'https://github.com/login/oauth/access_token',
      userinfo: 'https://api.github.com/user',
    },
    scope: config.get('oauth.github.scope'),
    subjectClaim: 'id',
    redirectUri: config.get('oauth.github.redirect_uri') || null,
  };
}

function oidc(config: Reader, settings: Environment): LoginProvider | null {
  const clientId = config.get('oauth.client_id');
  const discovery = config.get('oauth.provider_url');
  const clientSecret = config.get('oauth.client_secret') || null;
  const base = common(config, settings);
  if (clientId === '' || discovery === '' || (clientSecret === null && base.pkce !== 'always')) return null;
  const method = config.get('oauth.token_endpoint_auth_method');
  return {
    ...base,
    name: 'oidc',
    label: config.get('oauth.provider_name'),
    clientId,
    clientSecret,
    endpoints: { discovery },
    scope: config.get('oauth.scopes'),
    redirectUri: config.get('oauth.redirect_uri') || null,
    clientAuth: clientSecret === null ? 'none' : authMethod(method),
  };
}

function authMethod(name: string | null): ClientAuthMethod | null {
  return name ? (AUTH_METHODS.find((one) => one === name) ?? null) : 'client_secret_basic';
}

function feishu(config: Reader, settings: Environment): LoginProvider | null {
  const credential = pair(config.get('oauth.feishu.client_id'), config.get('oauth.feishu.client_secret'));
  if (!credential) return null;
  return {
    ...common(config, settings),
    ...credential,
    name: 'feishu',
    label: 'feishu',
    endpoints: {
      issuer: 'https://accounts.feishu.cn',
      authorization: 'https://accounts.feishu.cn/open-apis/authen/v1/authorize',
      token: 'https://open.feishu.cn/open-apis/authen/v2/oauth/token',
      userinfo: 'https://open.feishu.cn/open-apis/authen/v1/user_info',
    },
    scope: config.get('oauth.feishu.scope'),
    subjectClaim: 'user_id',
    redirectUri: config.get('oauth.feishu.redirect_uri') || null,
    pkce: 'never',
  };
}

function pair(clientId: string, clientSecret: string): { clientId: string; clientSecret: string } | null {
  return clientId === '' || clientSecret === '' ? null : { clientId, clientSecret };
}

function texts(params: unknown): Record<string, string> {
  if (!isObject(params)) return {};
  const given = Object.entries(params).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}
