import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { Access } from '../access/index.ts';
import type { Account, ExternalAccounts, ExternalIdentity } from '../accounts/index.ts';
import type { EventSink } from '../configuration/index.ts';
import { claimedGroups, groupRules } from './groups.ts';
import type { Person } from './identity.ts';
import { SignInFailed } from './problems.ts';
import { claimedRoles, mappedRole, roleRules } from './roles.ts';

export interface AdmissionDeps {
  config: Config;
  settings: Settings;
  accounts: ExternalAccounts;
  access: Pick<Access, 'groups' | 'defaultTree'>;
  events: EventSink;
  log: Log;
  oldestAdmin(): Promise<string | null>;
}

const NO_PICTURE = '/user.png';
/** Where what happens here comes from. */
const SOURCE = 'oauth';

const prohibited = (reason: string): SignInFailed => new SignInFailed(reason, detail.ACCESS_PROHIBITED);

/** Throws where sessions of the account count for nothing. */
function assertActive({ auth }: Account): void {
  if (auth === null) throw prohibited('the account is switched off');
}

/** The account of a person: by the link to the provider, else by address where that is allowed. */
export async function findAccount({ accounts, config }: AdmissionDeps, person: Person): Promise<Account | null> {
  const mayMerge = config.get('oauth.merge_accounts_by_email') && !person.unverified;
  const found = (await accounts.find(person)) ?? (mayMerge ? await accounts.findByEmail(person.email) : null);
  if (found) assertActive(found);
  return found;
}

/** The account a person signs in with: brought up to date, or made (identity note, 8.4). `picture` is asked only where it is used. */
export async function admit(
  deps: AdmissionDeps,
  person: Person,
  picture: () => Promise<string | null>,
): Promise<Account> {
  const known = await findAccount(deps, person);
  if (known) return updateAccount(deps, known, person, picture);
  if (!deps.config.get('oauth.enable_signup')) throw prohibited('accounts are not made at sign-in');
  if (await deps.accounts.findByEmail(person.email)) {
    const made = await deps.accounts.find(person);
    if (!made) throw new SignInFailed('the address belongs to another account', detail.EMAIL_TAKEN);
    // By another sign-in of the same person, a moment ago.
    return made;
  }
  return createAccount(deps, person, picture);
}

async function createAccount(
  deps: AdmissionDeps,
  person: Person,
  picture: () => Promise<string | null>,
): Promise<Account> {
  const { accounts, events, config } = deps;
  const { provider, subject, email, claims } = person;
  const first = (await accounts.count()) === 0;
  const role = first ? config.get('ui.default_user_role') : roleFor(deps, null, [claims]);
  const form = {
    provider,
    subject,
    email,
    role,
    name: person.name ?? email,
    profile_image_url: (await picture()) ?? NO_PICTURE,
  };
  try {
    const account = await accounts.create(form);
    const { id } = account.user;
    const data = { role: account.user.role };
    events.publish('user.created', { actor: account.user, subject: { id }, data, source: SOURCE });
    return account;
  } catch (error) {
    // Two sign-ins of one person at once: the other one was first.
    const made = error instanceof HttpError && error.status === 400 ? await accounts.find({ provider, subject }) : null;
    if (made) return made;
    throw error;
  }
}

async function updateAccount(
  deps: AdmissionDeps,
  { user }: Account,
  person: Person,
  picture: () => Promise<string | null>,
): Promise<Account> {
  const { accounts, config, events } = deps;
  const image = config.get('oauth.update_picture_on_login') ? await picture() : null;
  const changed = await accounts.change(user.id, {
    identity: identityOf(person),
    role: await roleOfKnown(deps, user, [person.claims]),
    ...(config.get('oauth.update_name_on_login') && person.name !== null && { name: person.name }),
    ...(config.get('oauth.update_email_on_login') && { email: person.email }),
    ...(image !== null && { profile_image_url: image }),
  });
  if (!changed) throw new SignInFailed('the account was removed meanwhile');
  const { account, updated } = changed;
  publishRole(events, account.user, user.role);
  const fields = updated.filter((field) => field !== 'role');
  if (fields.length > 0) {
    const data = { updated_fields: fields, provider: person.provider };
    events.publish('user.updated', { actor: account.user, subject: { id: user.id }, data, source: SOURCE });
  }
  return account;
}

function publishRole(events: EventSink, user: User, before: string): void {
  if (user.role === before) return;
  const data = { role: user.role };
  events.publish('user.role_updated', { actor: user, subject: { id: user.id }, data, source: SOURCE });
}

/** The role an existing account has after this sign-in. Throws where its roles at the provider let nobody in. */
async function roleOfKnown(
  deps: AdmissionDeps,
  user: User,
  sources: readonly JsonObject[],
  strict = false,
): Promise<string> {
  // Whoever is alone here must not lock himself out.
  if ((await deps.accounts.count()) === 1) return 'admin';
  return roleFor(deps, user, sources, strict);
}

/** `strict`: without any roles only an installation that asks for none lets somebody in (token exchange). */
function roleFor(
  { config, settings }: AdmissionDeps,
  user: User | null,
  sources: readonly JsonObject[],
  strict = false,
): string {
  const current = user?.role ?? config.get('ui.default_user_role');
  const rules = roleRules(config, settings);
  if (!rules) return current;
  const roles = claimedRoles(rules, sources);
  if (roles.length === 0) {
    if (strict && rules.allowed.length > 0 && !rules.allowed.includes('*')) throw prohibited('the claims list no role');
    return current;
  }
  const role = mappedRole(rules, roles);
  if (role === null) throw prohibited('no role of the person may sign in');
  return role;
}

/** Brings role and link up to date for a token that another program traded. */
export async function admitToken(
  deps: AdmissionDeps,
  { user }: Account,
  person: Person,
  sources: readonly JsonObject[],
): Promise<Account> {
  const role = await roleOfKnown(deps, user, sources, true);
  const changed = await deps.accounts.change(user.id, { identity: identityOf(person), role });
  if (!changed) throw new SignInFailed('the account was removed meanwhile');
  publishRole(deps.events, changed.account.user, user.role);
  return changed.account;
}

/** Linked once the person is let in; subjects that earlier releases stored as numbers become texts with it. */
function identityOf({ provider, subject }: Person): ExternalIdentity {
  return { provider, subject };
}

/** Brings memberships up to date with the groups the provider lists; nothing changes where it lists none. */
export async function applyGroups(
  deps: AdmissionDeps,
  { user }: Account,
  sources: readonly JsonObject[],
): Promise<void> {
  const { access, config, settings, log, events } = deps;
  const rules = groupRules(config, settings, log);
  const names = rules ? claimedGroups(rules, sources) : [];
  if (!rules || names.length === 0) return;
  const create = rules.create ? { ownerId: (await deps.oldestAdmin()) ?? user.id, describe, share: rules.share } : null;
  const permissions = access.defaultTree();
  const change = await access.groups.applyClaimed(user.id, { names, blocked: rules.blocked, create, permissions });
  const tell = (
    event: string,
    groups: readonly { id: string; name: string }[],
    data: Record<string, unknown>,
  ): void => {
    for (const { id, name } of groups) events.publish(event, { actor: user, subject: { id }, data: { name, ...data } });
  };
  tell('group.created', change.created, {});
  tell('group.member_removed', change.left, { user_ids: [user.id] });
  tell('group.member_added', change.joined, { user_ids: [user.id] });
}

function describe(name: string): string {
  return `Group '${name}' created automatically via OAuth.`;
}
