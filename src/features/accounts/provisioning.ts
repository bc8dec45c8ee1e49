import { randomUUID } from 'node:crypto';
import { json, type Transaction, uniqueViolation } from '../../kernel/database/index.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject } from '../../kernel/json.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { accountByEmail, loadAccounts } from './account-store.ts';
import { renewCredential } from './credentials.ts';
import { deleteAccount } from './manage.ts';
import { isProfileImage } from './profile-image.ts';
import type { AccountService } from './service.ts';

export interface ProvisionedAccount {
  email: string;
  name: string;
  active: boolean;
  profile_image_url: string | null;
  provider: string;
  externalId: string | null;
}

/** Absent members stay as they are. */
export interface ProvisionedChange {
  email?: string;
  name?: string;
  /** Means nothing for administrators. */
  active?: boolean;
  profile_image_url?: string;
  external?: { provider: string; id: string | null };
}

export interface Provisioning {
  /** Throws 400 where the address is taken. It joins no default group and never becomes administrator. */
  create(form: ProvisionedAccount): Promise<User>;
  /**
   * Writes what `decide` makes of the stored user, in one transaction. Throws 409 where the address is taken, null where
   * there is no such user. Ends all sessions of an account that is switched off.
   */
  change(id: string, decide: (stored: User) => ProvisionedChange): Promise<{ user: User; before: User } | null>;
  /** Throws 403 for the first account of the installation. */
  remove(id: string): Promise<void>;
}

/** What identity providers may do with accounts (identity note, 17). */
export function createProvisioning(service: AccountService): Provisioning {
  return {
    async create({ provider, externalId, active, ...form }) {
      // Nobody knows this password: such accounts sign in elsewhere.
      const password = await service.passwords.hash(randomUUID());
      const role = active ? 'user' : 'pending';
      const scim = { [provider]: { external_id: externalId } };
      return service.creation.create(
        { ...form, password, role, scim, groupless: true },
        { promote: false, closeSignUp: false },
      );
    },
    async change(id, decide) {
      try {
        return await service.database.transaction((tx) => changeIn(service, tx, id, decide));
      } catch (error) {
        if (uniqueViolation(error) !== null) throw taken(error);
        throw error;
      }
    },
    async remove(id) {
      await deleteAccount(service, null, id);
    },
  };
}

function taken(cause?: unknown): HttpError {
  return new HttpError(409, detail.EMAIL_TAKEN, { code: 'uniqueness', cause });
}

async function changeIn(
  service: AccountService,
  tx: Transaction,
  id: string,
  decide: (stored: User) => ProvisionedChange,
): Promise<{ user: User; before: User } | null> {
  const account = (await loadAccounts(tx, [id])).get(id);
  if (!account) return null;
  const before = account.user;
  const columns = columnsOf(service, before, decide(before));
  if (Object.keys(columns).length === 0) return { user: before, before };
  if (columns.email !== undefined) {
    const other = await accountByEmail(tx, columns.email);
    if (other && other.user.id !== id) throw taken();
    await tx.updateTable('auth').set({ email: columns.email }).where('id', '=', id).execute();
  }
  const { scim, ...plain } = columns;
  await tx
    .updateTable('user')
    .set({ ...plain, ...(scim !== undefined && { scim: json(scim) }), updated_at: nowSeconds() })
    .where('id', '=', id)
    .execute();
  if (columns.role === 'pending') await renewCredential(tx, id);
  tx.onCommit(() => service.userChanged(id, whatChanged(columns.role)));
  const user = (await loadAccounts(tx, [id])).get(id)?.user;
  return user ? { user, before } : null;
}

function whatChanged(role: string | undefined): 'revoked' | 'role' | 'changed' {
  if (role === 'pending') return 'revoked';
  return role === undefined ? 'changed' : 'role';
}

interface Columns {
  email?: string;
  name?: string;
  role?: string;
  profile_image_url?: string;
  scim?: Record<string, unknown>;
}

/** Columns that differ from what is stored. */
function columnsOf({ options }: AccountService, stored: User, change: ProvisionedChange): Columns {
  const columns: Columns = {};
  const email = change.email?.toLowerCase();
  if (email !== undefined && email !== stored.email) columns.email = email;
  if (change.name !== undefined && change.name !== stored.name) columns.name = change.name;
  const role =
    change.active === undefined || stored.role === 'admin' ? stored.role : change.active ? 'user' : 'pending';
  if (role !== stored.role) columns.role = role;
  const image = change.profile_image_url;
  if (image !== undefined && image !== stored.profile_image_url) {
    columns.profile_image_url = isProfileImage(image, options.images) ? image : '/user.png';
  }
  if (change.external) {
    const scim = isObject(stored.scim) ? stored.scim : {};
    const held = scim[change.external.provider];
    const heldId = isObject(held) ? held.external_id : undefined;
    if (heldId !== change.external.id) {
      columns.scim = { ...scim, [change.external.provider]: { external_id: change.external.id } };
    }
  }
  return columns;
}
