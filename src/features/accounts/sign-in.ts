import { randomBytes } from 'node:crypto';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import { type Account, accountByEmail, anyUser, loadAccounts, setRole } from './account-store.ts';
import { announceAccount, announceCreated } from './announce.ts';
import { countPassword } from './second-factor/sign-in.ts';
import type { AccountService } from './service.ts';
import type { Announced } from './trusted-headers.ts';

const isRole = (text: string): boolean => text === 'admin' || text === 'user' || text === 'pending';

/** The account of an address whose password is right; 400 otherwise, after the same time whether or not it exists. */
export async function verifyPassword(service: AccountService, email: string, password: string): Promise<Account> {
  const account = await accountByEmail(service.database.db, email);
  const right = account?.auth
    ? await service.passwords.verify(password, account.auth.password)
    : await service.passwords.verifyNothing(password);
  if (!account || !right) throw new HttpError(400, detail.INVALID_CRED);
  return account;
}

/** With a second factor an account's passwords may be tried a few times only, whatever came of them. Throws 429. */
export async function countPasswordFor(
  service: Pick<AccountService, 'config' | 'database' | 'secondFactor'>,
  email: string,
): Promise<void> {
  if (!service.config.get('auth.mfa.enable')) return;
  const account = await accountByEmail(service.database.db, email);
  if (account?.auth) await countPassword(service.secondFactor, account.user.id);
}

/** The account a proxy's headers name; made when it is new (identity note, 6.6). */
export async function trustedAccount(
  service: AccountService,
  { email, name, groups, role }: Announced,
): Promise<Account> {
  let account = await accountByEmail(service.database.db, email);
  if (!account) {
    await createTrusted(service, email, name);
    account = await accountByEmail(service.database.db, email);
  }
  if (!account?.auth) throw new HttpError(400, detail.INVALID_CRED);
  if (groups.length > 0) await service.access.groups.syncByName(account.user.id, groups);
  if (!isRole(role) || role === account.user.role) return account;
  await setRole(service.database.db, account.user.id, role);
  service.userChanged(account.user.id, 'role');
  const changed = (await loadAccounts(service.database.db, [account.user.id])).get(account.user.id) ?? account;
  const data = { old_role: account.user.role, role };
  announceAccount(service.events, 'user.role_updated', { actor: changed.user, data, source: 'trusted_header' });
  return changed;
}

async function createTrusted(service: AccountService, email: string, name: string): Promise<void> {
  const password = await service.passwords.hash(randomBytes(24).toString('base64url'));
  try {
    const user = await service.creation.create({ name, email, password }, { promote: true, closeSignUp: true });
    announceCreated(service.events, user, 'trusted_header');
  } catch (error) {
    // Another request of the same person made it meanwhile.
    if (!(error instanceof HttpError) || error.detail !== detail.EMAIL_TAKEN) throw error;
  }
}

const SYSTEM = { email: 'admin@localhost', password: 'admin', name: 'User' };

/** The one account of an installation without authentication (identity note, 6.7). */
export async function systemAccount(service: AccountService): Promise<Account> {
  const { db } = service.database;
  if (!(await accountByEmail(db, SYSTEM.email))) {
    if (await anyUser(db)) throw new HttpError(400, detail.EXISTING_USERS);
    const password = await service.passwords.hash(SYSTEM.password);
    const check = (first: boolean): void => {
      if (!first) throw new HttpError(400, detail.EMAIL_TAKEN);
    };
    try {
      const user = await service.creation.create({ ...SYSTEM, password }, { promote: true, closeSignUp: true, check });
      announceCreated(service.events, user, 'system');
    } catch (error) {
      // The page opened in two tabs at once.
      if (!(error instanceof HttpError) || error.detail !== detail.EMAIL_TAKEN) throw error;
    }
  }
  return verifyPassword(service, SYSTEM.email, SYSTEM.password);
}
