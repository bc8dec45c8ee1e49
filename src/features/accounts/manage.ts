import type { Transaction } from '../../kernel/database/index.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { deleteMemberships, removeGrantsTo } from '../access/index.ts';
import { accountByEmail, loadAccounts, primaryUser, updateUser, userById } from './account-store.ts';
import { announceAccount } from './announce.ts';
import { deleteApiKeys } from './api-keys.ts';
import { assertRole } from './auth-route.ts';
import { CHANGED_MEANWHILE, renewCredential } from './credentials.ts';
import { deleteKeysOf } from './named-keys/store.ts';
import type { AccountService } from './service.ts';

/** Removes what another feature keeps of a user; runs in the transaction that removes the user. */
export type UserCleanup = (tx: Transaction, userId: string) => Promise<void>;

export interface UserForm {
  role: string | null;
  name: string | null;
  email: string | null;
  profile_image_url: string | null;
  password: string | null;
}

/** Another administrator may not touch the first account, nor may it give up being administrator. */
async function assertMayUpdate(
  { database }: AccountService,
  actor: User,
  id: string,
  role: string | null,
): Promise<void> {
  const primary = await primaryUser(database.db);
  if (primary?.id !== id) return;
  if (actor.id !== id || (role !== null && role !== 'admin')) throw new HttpError(403, detail.ACTION_PROHIBITED);
}

/** Changes an account on behalf of an administrator (identity note, 11.4). */
export async function updateAccount(service: AccountService, actor: User, id: string, form: UserForm): Promise<User> {
  const { database, passwords } = service;
  await assertMayUpdate(service, actor, id, form.role);
  const account = (await loadAccounts(database.db, [id])).get(id);
  if (!account) throw new HttpError(400, detail.USER_NOT_FOUND);
  if (form.role !== null) assertRole(form.role);
  const email = form.email?.toLowerCase() ?? null;
  if (email !== null && email !== account.user.email.toLowerCase() && (await accountByEmail(database.db, email))) {
    throw new HttpError(400, detail.EMAIL_TAKEN);
  }
  const password = form.password ? await acceptedHash(passwords, form.password) : null;
  const user = await database.transaction(async (tx) => {
    if (password !== null && !(await renewCredential(tx, id, { password, seen: account.auth }))) {
      throw new HttpError(409, CHANGED_MEANWHILE);
    }
    if (email !== null) await tx.updateTable('auth').set({ email }).where('id', '=', id).execute();
    const { role, name, profile_image_url } = form;
    const changes = { role, name, email, profile_image_url };
    await updateUser(tx, id, Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== null)));
    tx.onCommit(() => {
      if (password !== null) service.userChanged(id, 'revoked');
      else service.userChanged(id, role !== null && role !== account.user.role ? 'role' : 'changed');
    });
    return userById(tx, id);
  });
  if (!user) throw new HttpError(400, detail.USER_NOT_FOUND);
  announceUpdate(service, actor, account.user, user, password !== null);
  return user;
}

const SHOWN = ['name', 'email', 'profile_image_url'] as const;

function announceUpdate({ events }: AccountService, actor: User, before: User, after: User, password: boolean): void {
  const { id } = after;
  const fields = SHOWN.filter((field) => before[field] !== after[field]);
  if (fields.length > 0) announceAccount(events, 'user.updated', { actor, id, data: { updated_fields: fields } });
  if (before.role !== after.role) {
    announceAccount(events, 'user.role_updated', { actor, id, data: { old_role: before.role, role: after.role } });
  }
  if (password) announceAccount(events, 'auth.password_changed', { actor, id, source: 'admin' });
}

async function acceptedHash(passwords: AccountService['passwords'], password: string): Promise<string> {
  passwords.assertAcceptable(password);
  return passwords.hash(password);
}

/**
 * Removes an account with its chats, memberships, keys and provider sessions; what it shared stays. `actor` null: an
 * identity provider.
 */
export async function deleteAccount(service: AccountService, actor: User | null, id: string): Promise<User | null> {
  const { database, cleanups } = service;
  const primary = await primaryUser(database.db);
  if (id === actor?.id || id === primary?.id) throw new HttpError(403, detail.ACTION_PROHIBITED);
  return database.transaction(async (tx) => {
    const removed = await userById(tx, id);
    await deleteMemberships(tx, id);
    try {
      for (const cleanup of cleanups) await cleanup(tx, id);
    } catch (error) {
      throw new HttpError(500, detail.DELETE_USER_ERROR, { cause: error, code: 'user-cleanup' });
    }
    await deleteApiKeys(tx, id);
    await deleteKeysOf(tx, id);
    await tx.deleteFrom('oauth_session').where('user_id', '=', id).execute();
    await tx.deleteFrom('loggia_identity').where('user_id', '=', id).execute();
    await removeGrantsTo(tx, 'user', id);
    await tx.deleteFrom('user').where('id', '=', id).execute();
    await tx.deleteFrom('auth').where('id', '=', id).execute();
    tx.onCommit(() => {
      service.apiKeys.invalidate();
      service.namedKeys.invalidate();
      service.userChanged(id, 'deleted');
    });
    return removed;
  });
}
