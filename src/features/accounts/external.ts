import { randomBytes } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { sql } from 'kysely';
import { type Db, json, jsonAt, type Transaction, upsert } from '../../kernel/database/index.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject } from '../../kernel/json.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { type Account, accountByEmail, loadAccounts } from './account-store.ts';
import { clearCookie, setChallengeCookie, setSessionCookie } from './cookies.ts';
import { issueSession, type SignInResult } from './issue.ts';
import { lockUser } from './own-settings.ts';
import { isProfileImage } from './profile-image.ts';
import type { ProviderSession } from './second-factor/sign-in.ts';
import { type AccountService, revokeSessions } from './service.ts';

/** Who somebody is at an identity provider. */
export interface ExternalIdentity {
  provider: string;
  subject: string;
}

export interface NewExternalAccount extends ExternalIdentity {
  email: string;
  name: string;
  role: string;
  profile_image_url: string;
}

/** Absent members stay as they are. */
export interface ExternalChange {
  identity?: ExternalIdentity;
  name?: string;
  /** Not taken over where it belongs to another account. */
  email?: string;
  profile_image_url?: string;
  role?: string;
}

export interface ExternalChanged {
  account: Account;
  before: User;
  /** Members of the account that have another value now, the link to the provider left out. */
  updated: string[];
}

/** Accounts of people who sign in elsewhere. */
export interface ExternalAccounts {
  /** The account of an identity; null when there is none. */
  find(identity: ExternalIdentity): Promise<Account | null>;
  findByEmail(email: string): Promise<Account | null>;
  /** How many accounts there are: none, one, or several. */
  count(): Promise<0 | 1 | 2>;
  /** Makes an account without a usable password; the first one becomes administrator. Throws 400 where the address is taken. */
  create(form: NewExternalAccount): Promise<Account>;
  /** Null: there is no such account any more. */
  change(userId: string, change: ExternalChange): Promise<ExternalChanged | null>;
  /** Goes on with an account whose identity was just verified; `session` is kept over the second factor. */
  signIn(account: Account, session?: ProviderSession): Promise<SignInResult>;
  /** Ends all sessions of the account. */
  revoke(userId: string): Promise<void>;
  /** A cookie that lasts as long as a session; `readable`: by the page's scripts. */
  setCookie(reply: FastifyReply, name: string, value: string, expiresAt: number | null, readable?: boolean): void;
  clearCookie(reply: FastifyReply, name: string): void;
  /** Lets the browser go on with the second factor after the redirect. */
  setChallengeCookie(reply: FastifyReply, token: string): void;
}

export function createExternalAccounts(service: AccountService): ExternalAccounts {
  const { database, options } = service;
  return {
    find: (identity) => findByIdentity(database.db, identity),
    findByEmail: (email) => accountByEmail(database.db, email),
    async count() {
      const rows = await database.db.selectFrom('user').select('id').limit(2).execute();
      return rows.length === 0 ? 0 : rows.length === 1 ? 1 : 2;
    },
    async create({ provider, subject, ...form }) {
      const password = await service.passwords.hash(randomBytes(24).toString('base64url'));
      const user = await service.creation.create(
        { ...form, password, oauth: { [provider]: { sub: subject } } },
        { promote: true, closeSignUp: false },
      );
      const account = (await loadAccounts(database.db, [user.id])).get(user.id);
      if (!account) throw new Error('the account that was just made cannot be read');
      return account;
    },
    change: (userId, change) => database.transaction((tx) => changeIn(service, tx, userId, change)),
    signIn: (account, session) => issueSession(service, account, 'oauth', session),
    revoke: (userId) => revokeSessions(service, userId),
    setCookie(reply, name, value, expiresAt, readable = false) {
      setSessionCookie(reply, name, { value, expiresAt, httpOnly: !readable }, options);
    },
    clearCookie,
    setChallengeCookie: (reply, token) => setChallengeCookie(reply, token, options),
  };
}

/** Longer subjects fit no index of every database. */
const LONGEST_REMEMBERED = 255;
/** Databases may take subjects in other case for the same; no more of them are looked at. */
const SPELLINGS = 20;

/** The account of an identity. Which it was last time is remembered: otherwise every account is looked at. */
export async function findByIdentity(db: Db, identity: ExternalIdentity): Promise<Account | null> {
  const { provider, subject } = identity;
  const known = await db
    .selectFrom('loggia_identity')
    .select('user_id')
    .where('provider', '=', provider)
    .where('subject', '=', subject)
    .executeTakeFirst();
  const account = known && (await loadAccounts(db, [known.user_id])).get(known.user_id);
  if (account && isLinked(account.user.oauth, identity)) return account;
  const found = await searchIdentity(db, identity);
  if (found && subject.length <= LONGEST_REMEMBERED) {
    const row = { provider, subject, user_id: found.user.id };
    await upsert(db, 'loggia_identity', [row], { key: ['provider', 'subject'], update: ['user_id'] });
  }
  return found;
}

/** The oldest account that is linked: nothing in the schema keeps two from having one identity. */
async function searchIdentity(db: Db, identity: ExternalIdentity): Promise<Account | null> {
  const rows = await db
    .selectFrom('user')
    .select('id')
    // Earlier releases stored numbers, which read as the same text.
    .where(sql<boolean>`${jsonAt(db, 'user.oauth', identity.provider, 'sub')} = ${identity.subject}`)
    .orderBy('created_at')
    .orderBy('id')
    .limit(SPELLINGS)
    .execute();
  const ids = rows.map(({ id }) => id);
  const accounts = await loadAccounts(db, ids);
  for (const id of ids) {
    const account = accounts.get(id);
    if (account && isLinked(account.user.oauth, identity)) return account;
  }
  return null;
}

function isLinked(stored: unknown, { provider, subject }: ExternalIdentity): boolean {
  const held = isObject(stored) ? stored[provider] : undefined;
  return isObject(held) && String(held.sub) === subject;
}

async function changeIn(
  service: AccountService,
  tx: Transaction,
  userId: string,
  change: ExternalChange,
): Promise<ExternalChanged | null> {
  await lockUser(tx, userId);
  const before = (await loadAccounts(tx, [userId])).get(userId)?.user;
  if (!before) return null;
  const columns = await columnsOf(service, tx, before, change);
  const oauth = change.identity && linked(before.oauth, change.identity);
  const updated = Object.keys(columns);
  if (updated.length > 0 || oauth) {
    if (columns.email !== undefined) {
      await tx.updateTable('auth').set({ email: columns.email }).where('id', '=', userId).execute();
    }
    await tx
      .updateTable('user')
      .set({ ...columns, ...(oauth && { oauth: json(oauth) }), updated_at: nowSeconds() })
      .where('id', '=', userId)
      .execute();
    tx.onCommit(() => service.userChanged(userId, columns.role === undefined ? 'changed' : 'role'));
  }
  const account = (await loadAccounts(tx, [userId])).get(userId);
  return account ? { account, before, updated } : null;
}

type Columns = Omit<ExternalChange, 'identity'>;

/** What differs from what is stored and may be written. */
async function columnsOf(
  { options }: AccountService,
  tx: Transaction,
  stored: User,
  change: ExternalChange,
): Promise<Columns> {
  const columns: Columns = {};
  const { name, role, profile_image_url: image } = change;
  const email = change.email?.toLowerCase();
  if (name !== undefined && name !== stored.name) columns.name = name;
  if (role !== undefined && role !== stored.role) columns.role = role;
  if (email !== undefined && email !== stored.email) {
    const holder = await accountByEmail(tx, email);
    if (!holder || holder.user.id === stored.id) columns.email = email;
  }
  if (image !== undefined && image !== stored.profile_image_url && isProfileImage(image, options.images)) {
    columns.profile_image_url = image;
  }
  return columns;
}

/** The identities of an account with one more; null where it is among them already. */
function linked(stored: unknown, { provider, subject }: ExternalIdentity): Record<string, unknown> | null {
  const all = isObject(stored) ? stored : {};
  const held = all[provider];
  if (isObject(held) && held.sub === subject) return null;
  return { ...all, [provider]: { ...(isObject(held) ? held : {}), sub: subject } };
}
