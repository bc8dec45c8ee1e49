import type { User } from '../../kernel/http/principal.ts';
import type { Settings } from '../../kernel/settings/index.ts';

/** Columns of the joined row of `user` that owns something; `People.owner` reads them. */
export const OWNER = [
  'user.id as owner_id',
  'user.name as owner_name',
  'user.role as owner_role',
  'user.email as owner_email',
] as const;

interface OwnerColumns {
  owner_id: string | null;
  owner_name: string | null;
  owner_role: string | null;
  owner_email: string | null;
}

/** Who gets an answer; null where several people get the same one. */
export type Reader = Pick<User, 'id' | 'role'> | null;

interface Person {
  id: string;
  role: string | null;
  email?: string | null;
}

/** What people learn of each other (HIDE_USER_EMAILS_AND_ROLES). */
export interface People {
  /** Whether the reader may know addresses and roles of everybody. */
  knownTo(reader: Reader): boolean;
  /** The person as the reader may know them: address and role are empty where they may not. */
  shown<T extends Person>(reader: Reader, person: T): T;
  /** UserResponse of who owns a row; null where the account is gone. */
  owner(
    reader: Reader,
    row: OwnerColumns,
  ): { id: string; name: string | null; role: string | null; email: string | null } | null;
  /** Columns of `user` in which the reader's search for people looks; finding by an address would tell it. */
  searched(reader: Reader): string[];
}

export function createPeople(settings: Pick<Settings, 'get'>): People {
  const hidden = settings.get('HIDE_USER_EMAILS_AND_ROLES');
  const knownTo = (reader: Reader): boolean => !hidden || reader?.role === 'admin';
  const shown = <T extends Person>(reader: Reader, person: T): T => {
    if (knownTo(reader) || reader?.id === person.id) return person;
    return { ...person, role: '', ...(person.email === undefined ? {} : { email: '' }) };
  };
  return {
    knownTo,
    shown,
    owner: (reader, { owner_id: id, owner_name: name, owner_role: role, owner_email: email }) =>
      id === null ? null : shown(reader, { id, name, role, email }),
    searched: (reader) => (knownTo(reader) ? ['user.name', 'user.email'] : ['user.name']),
  };
}
