import { randomUUID } from 'node:crypto';
import type { FastifyBaseLogger } from 'fastify';
import { type Database, type Transaction, uniqueViolation } from '../../kernel/database/index.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { nowSeconds } from '../../kernel/time.ts';
import { type Access, serialise } from '../access/index.ts';
import { accountByEmail, insertAccount, primaryUser, userById } from './account-store.ts';
import type { AccountOptions } from './options.ts';
import { isProfileImage } from './profile-image.ts';

export interface AccountForm {
  name: string;
  email: string;
  /** As stored: hashed. */
  password: string;
  profile_image_url?: string | null;
  /** Default: what the administrator chose for new accounts. */
  role?: string;
  oauth?: unknown;
  scim?: unknown;
  /** The account does not join the default group. */
  groupless?: boolean;
}

/** How the first account of an installation is treated. */
export interface FirstAccount {
  /** It becomes the administrator. */
  promote: boolean;
  /** Sign-up is closed with it. */
  closeSignUp: boolean;
  /** Throws where an account may not be made any more because there is (or is not) one. */
  check?: (first: boolean) => void;
}

export interface AccountCreation {
  create(form: AccountForm, first: FirstAccount): Promise<User>;
}

interface CreationDeps {
  database: Database;
  config: Config;
  access: Pick<Access, 'groups' | 'invalidate'>;
  options: Pick<AccountOptions, 'images'>;
  log: FastifyBaseLogger;
  /** Drops what is remembered of an id that was asked for before it existed. */
  invalidate(userId: string): void;
}

/** Keeps two first sign-ups apart. */
const ACCOUNT_LOCK = 731_947_206;

/** Makes accounts one at a time, so that exactly one is the first (identity note, 5). */
export function createAccountCreation(deps: CreationDeps): AccountCreation {
  const { database, options } = deps;
  return {
    async create(form, first) {
      const id = randomUUID();
      const email = form.email.toLowerCase();
      const image = form.profile_image_url ?? '/user.png';
      try {
        return await database.transaction(async (tx) => {
          await serialise(tx, ACCOUNT_LOCK);
          const primary = await primaryUser(tx);
          const isFirst = primary === null;
          first.check?.(isFirst);
          if (await accountByEmail(tx, email)) throw new HttpError(400, detail.EMAIL_TAKEN);
          await insertAccount(tx, {
            ...form,
            id,
            email,
            role: roleOf(deps.config, form, isFirst && first.promote),
            profile_image_url: isProfileImage(image, options.images) ? image : '/user.png',
            session_stamp: randomUUID(),
            // The oldest account is the one nobody may demote: within its second another would be as old.
            now: Math.max(nowSeconds(), (primary?.created_at ?? 0) + 1),
          });
          if (isFirst && first.closeSignUp) await deps.config.set({ 'ui.enable_signup': false }, tx);
          if (!form.groupless) await joinDefaultGroup(deps, tx, id);
          const made = await userById(tx, id);
          if (!made) throw new Error('the account that was just inserted cannot be read');
          tx.onCommit(() => {
            deps.invalidate(id);
            deps.access.invalidate([id]);
          });
          return made;
        });
      } catch (error) {
        if (uniqueViolation(error) !== null) throw new HttpError(400, detail.EMAIL_TAKEN, { cause: error });
        throw error;
      }
    },
  };
}

function roleOf(config: Config, form: AccountForm, promoted: boolean): string {
  return promoted ? 'admin' : (form.role ?? config.get('ui.default_user_role'));
}

async function joinDefaultGroup({ config, access, log }: CreationDeps, tx: Transaction, userId: string): Promise<void> {
  const groupId = config.get('ui.default_group_id');
  if (groupId && !(await access.groups.addToDefault(tx, groupId, userId))) {
    log.warn({ groupId }, 'the default group of new accounts does not exist');
  }
}
