import { randomBytes } from 'node:crypto';
import { isUnavailable } from '../../../kernel/database/index.ts';
import { detail, HttpError } from '../../../kernel/http/errors.ts';
import { type Account, accountByEmail } from '../account-store.ts';
import { announceCreated } from '../announce.ts';
import type { AccountService } from '../service.ts';
import { countPasswordFor } from '../sign-in.ts';
import { BadTlsSettings, BindRefused, type DirectoryEntry, openDirectory } from './directory.ts';
import { firstCommonName } from './group-names.ts';
import { type DirectorySettings, directorySettings } from './settings.ts';

type SignInService = Pick<
  AccountService,
  'access' | 'config' | 'creation' | 'database' | 'events' | 'log' | 'passwords' | 'secondFactor'
>;

const refused = (text: string): HttpError => new HttpError(400, text, { code: 'ldap.refused' });

const EMAIL = /^[^@\s]+@[^@\s]+\.[^@\s]+$/;
const MAX_USERNAME = 256;

/** The account of a person whom the directory knows by this name and password; made when it is new (identity note, 6.5). */
export async function directoryAccount(service: SignInService, user: string, password: string): Promise<Account> {
  const settings = directorySettings(service.config);
  const { entry, email } = await askDirectory(service, settings, user.toLowerCase(), password);
  let account = await accountByEmail(service.database.db, email);
  if (!account) {
    await createAccount(service, email, entry.commonName ?? user);
    account = await accountByEmail(service.database.db, email);
  }
  if (!account?.auth) throw new HttpError(400, detail.INVALID_CRED);
  if (settings.groups) await joinGroups(service, account, entry, settings.groups.create);
  return account;
}

/** Who the directory says this is. Throws 400 with the reason unless it is one person with that password. */
async function askDirectory(
  service: SignInService,
  settings: DirectorySettings,
  user: string,
  password: string,
): Promise<{ entry: DirectoryEntry; email: string }> {
  const asked = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      service.log.warn({ err: error, host: settings.host, port: settings.port }, 'a sign-in by LDAP failed');
      throw refusalOf(error);
    });
  const directory = await asked(openDirectory(settings));
  try {
    const entry = user === '' || user.length > MAX_USERNAME ? null : await asked(directory.find(user));
    if (!entry) throw refused('User not found in the LDAP server');
    const email = emailOf(entry, user, settings);
    if (!entry.usernames.some((name) => name.toLowerCase() === user)) throw refused('User record mismatch.');
    await countPasswordFor(service, email);
    if (!(await asked(directory.accepts(entry.dn, password)))) throw refused('Authentication failed.');
    return { entry, email };
  } finally {
    await directory.close();
  }
}

function refusalOf(error: unknown): HttpError {
  if (error instanceof BadTlsSettings) return refused('Failed to configure TLS for LDAP connection.');
  return refused(error instanceof BindRefused ? 'Application account bind failed' : 'LDAP authentication failed.');
}

function emailOf(entry: DirectoryEntry, user: string, { defaultEmailDomain }: DirectorySettings): string {
  const given = entry.email?.trim().toLowerCase();
  if (given) return given;
  const made = `${user}@${defaultEmailDomain}`.toLowerCase();
  if (defaultEmailDomain === '' || !EMAIL.test(made)) throw refused('User does not have a valid email address.');
  return made;
}

async function createAccount(
  { creation, passwords, events }: SignInService,
  email: string,
  name: string,
): Promise<void> {
  // Nobody knows this password: the directory is asked each time.
  const password = await passwords.hash(randomBytes(24).toString('base64url'));
  try {
    const user = await creation.create({ name, email, password }, { promote: true, closeSignUp: true });
    announceCreated(events, user, 'ldap');
  } catch (error) {
    // Another sign-in of the same person made it meanwhile.
    if (error instanceof HttpError && error.detail === detail.EMAIL_TAKEN) return;
    if (isUnavailable(error)) throw error;
    throw new HttpError(500, 'Internal error occurred during LDAP user creation.', { cause: error });
  }
}

/** Makes the directory's groups the account's. Who is signed in is settled by now: a failure is logged, no more. */
async function joinGroups(
  { access, log }: SignInService,
  { user }: Account,
  entry: DirectoryEntry,
  create: boolean,
): Promise<void> {
  const names = entry.groups.map(firstCommonName).filter((name) => name !== null);
  if (names.length === 0) return;
  try {
    await access.groups.syncByName(user.id, names, create ? { createAs: user.id } : {});
  } catch (error) {
    log.error({ err: error, userId: user.id }, "the directory's groups could not be taken over");
  }
}
