import { HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Grant, normaliseGrants } from './grants.ts';

/** Permissions that open an audience for a type of object; null: that audience is never allowed. */
interface SharingPolicy {
  /** Asked for sharing at all; null: nothing is asked. */
  share: string | null;
  public: string | null;
  anyone: string | null;
}

const workspace = (plural: string): SharingPolicy => ({
  share: `sharing.${plural}`,
  public: `sharing.public_${plural}`,
  anyone: null,
});

/** What may be shared with whom (identity note, 15). */
const POLICIES = {
  model: workspace('models'),
  knowledge: workspace('knowledge'),
  prompt: workspace('prompts'),
  tool: workspace('tools'),
  skill: workspace('skills'),
  note: workspace('notes'),
  folder: { share: 'sharing.folders', public: null, anyone: null },
  channel: { share: null, public: 'sharing.public_channels', anyone: null },
  calendar: { share: null, public: 'sharing.public_calendars', anyone: null },
  shared_chat: { share: null, public: 'sharing.public_chats', anyone: 'sharing.open_chats' },
} as const satisfies Record<string, SharingPolicy>;

export type SharedType = keyof typeof POLICIES;

type Permissions = (user: User, permission: string) => boolean | Promise<boolean>;

/** Of a list from outside, the grants the user may give on an object of this type: for creating. */
export async function permittedGrants(
  permissions: Permissions,
  user: User,
  type: SharedType,
  list: unknown,
): Promise<Grant[]> {
  const policy: SharingPolicy = POLICIES[type];
  const possible = normaliseGrants(list).filter((grant) => audienceKey(policy, grant) !== null);
  if (user.role === 'admin' || possible.length === 0) return possible;
  if (policy.share !== null && !(await permissions(user, policy.share))) return [];
  const keys = [...new Set(possible.map((grant) => audienceKey(policy, grant) ?? ''))];
  const answers = new Map<string, boolean>();
  for (const key of keys) answers.set(key, await permissions(user, key));
  return possible.filter((grant) => answers.get(audienceKey(policy, grant) ?? ''));
}

/** The grants of a list from outside, or 403 when the user may not give one of them: for changing. */
export async function allowedGrants(
  permissions: Permissions,
  user: User,
  type: SharedType,
  list: unknown,
): Promise<Grant[]> {
  const permitted = await permittedGrants(permissions, user, type, list);
  if (permitted.length < normaliseGrants(list).length) {
    throw new HttpError(403, 'You do not have permission to share with the requested audience', { code: 'sharing' });
  }
  return permitted;
}

/** The permission that opens the audience of a grant; null where the type has no such audience. */
function audienceKey(policy: SharingPolicy, { principal_type: type, principal_id: id }: Grant): string | null {
  if (type === 'anyone') return policy.anyone;
  if (type === 'group') return 'access_grants.allow_groups';
  return id === '*' ? policy.public : 'access_grants.allow_users';
}
