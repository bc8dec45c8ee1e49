/** Columns of the joined row of `user` that owns something; `ownerOf` reads them. */
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

/** UserResponse; null where the account is gone. */
export function ownerOf({ owner_id: id, owner_name: name, owner_role: role, owner_email: email }: OwnerColumns) {
  return id === null ? null : { id, name, role, email };
}
