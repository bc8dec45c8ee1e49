import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import { isDomainAllowed, isUnverified, textClaim } from './claims.ts';
import type { ProviderClient } from './client.ts';
import { SignInFailed } from './problems.ts';

/** Who a provider says has signed in. */
export interface Person {
  provider: string;
  subject: string;
  /** Lower case. */
  email: string;
  /** The provider says itself that the address may be somebody else's. */
  unverified: boolean;
  /** Null: the claims have none. */
  name: string | null;
  claims: JsonObject;
}

type Reader = Pick<Config, 'get'>;

/** The claims of the id token, completed by userinfo where they lack address or name (identity note, 8.4). */
export async function personClaims(
  client: ProviderClient,
  config: Reader,
  accessToken: string,
  idClaims: JsonObject | null,
): Promise<JsonObject> {
  const wanted = [config.get('oauth.email_claim'), config.get('oauth.username_claim')];
  if (idClaims && wanted.every((name) => textClaim(idClaims, name) !== null)) return idClaims;
  if (idClaims && client.userinfoEndpoint === null) return idClaims;
  const asked = await userinfoClaims(client, accessToken);
  // An answer about somebody else must not be mixed in.
  if (idClaims && asked.sub !== undefined && asked.sub !== idClaims.sub) {
    throw new SignInFailed('userinfo is about another subject than the id token');
  }
  return { ...idClaims, ...asked };
}

/** What the userinfo endpoint says. */
export async function userinfoClaims(client: ProviderClient, accessToken: string): Promise<JsonObject> {
  const claims = await client.userinfo(accessToken);
  return client.provider.name === 'feishu' && isObject(claims.data) ? claims.data : claims;
}

/** The subject by which the provider knows the person. */
export function subjectOf({ provider }: ProviderClient, config: Reader, claims: JsonObject): string | null {
  return textClaim(claims, config.get('oauth.sub_claim') || provider.subjectClaim);
}

/** Throws unless the claims name somebody who may sign in here. */
export async function readPerson(
  client: ProviderClient,
  { config, settings }: { config: Reader; settings: Pick<Settings, 'get'> },
  claims: JsonObject,
  accessToken: string,
): Promise<Person> {
  const provider = client.provider.name;
  const subject = subjectOf(client, config, claims);
  if (subject === null) throw new SignInFailed('the claims name no subject');
  let email = textClaim(claims, config.get('oauth.email_claim'));
  let unverified = isForeign(client, claims) || isUnverified(claims);
  if (email === null && provider === 'github') {
    const primary = await githubAddress(client, accessToken);
    email = primary?.email ?? null;
    unverified = primary?.verified !== true;
  }
  if (email === null && settings.get('ENABLE_OAUTH_EMAIL_FALLBACK')) email = `${provider}@${subject}.local`;
  if (email === null) throw new SignInFailed('the claims name no address');
  email = email.toLowerCase();
  if (!mayUse(client, config, email, claims)) {
    throw new SignInFailed('the domain of the address is not allowed');
  }
  return { provider, subject, email, unverified, name: textClaim(claims, config.get('oauth.username_claim')), claims };
}

/** Whether an address of this domain may sign in. */
export function mayUse(client: ProviderClient, config: Reader, email: string, claims: JsonObject): boolean {
  const allowed = config.get('oauth.allowed_domains');
  return isDomainAllowed(email, allowed) && (allowed.includes('*') || !isForeign(client, claims));
}

/** Whether the address is the word of any organisation on earth: with Microsoft, each writes what it likes into its accounts. */
export function isForeign({ issuer }: ProviderClient, { xms_edov: owned }: JsonObject): boolean {
  return issuer.includes('{tenantid}') && ![true, 1, '1', 'true'].some((yes) => yes === owned);
}

const GITHUB_ADDRESSES = 'https://api.github.com/user/emails';

/** GitHub tells addresses that are not public apart from the person. */
async function githubAddress(
  client: ProviderClient,
  accessToken: string,
): Promise<{ email: string; verified: boolean } | null> {
  const list = await client.read(GITHUB_ADDRESSES, accessToken);
  if (!Array.isArray(list)) return null;
  const primary = list.find((one) => isObject(one) && one.primary === true);
  if (!isObject(primary)) return null;
  const email = textClaim(primary, 'email');
  return email === null ? null : { email, verified: primary.verified === true };
}
