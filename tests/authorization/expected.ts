import type { Access } from '../../src/kernel/http/access.ts';
import { type Actor, holds } from './actors.ts';

/** Who has a right on the fixture of a kind: as the project's specification has it, not as the code finds it out. */
const RIGHTS: Readonly<Record<string, (actor: Actor) => boolean>> = {
  'automation:own': (actor) => holds(actor, 'own'),
  'chat:any': () => true,
  'chat:own': (actor) => holds(actor, 'own'),
  'chat:manage': (actor) => holds(actor, 'own') || actor.role === 'admin',
  'chat:read': (actor) => holds(actor, 'read') || actor.role === 'admin',
  'feedback:read': (actor) => holds(actor, 'own') || actor.role === 'admin',
  'feedback:write': (actor) => holds(actor, 'own') || actor.role === 'admin',
  'folder:own': (actor) => holds(actor, 'own'),
  'folder:manage': (actor) => holds(actor, 'own') || actor.role === 'admin',
  'channel:own': (actor) => holds(actor, 'own') || actor.role === 'admin',
  // Whoever made a channel has no more than grants give them.
  'channel:read': (actor) => ['read', 'write'].includes(actor.holds) || actor.role === 'admin',
  'channel:write': (actor) => actor.holds === 'write' || actor.role === 'admin',
  function: () => true,
  ...Object.fromEntries(
    ['calendar', 'calendar event', 'file', 'folder', 'knowledge', 'note', 'prompt', 'skill', 'tool'].flatMap((kind) =>
      (['read', 'write'] as const).map((right) => [
        `${kind}:${right}`,
        (actor: Actor) => holds(actor, right) || actor.role === 'admin',
      ]),
    ),
  ),
};

export type Credential = 'session' | 'key';

/** `null`: nobody the server knows. */
export type Outcome = { as: string | null } | { refused: number[] };

const OBJECT_REFUSALS = [400, 401, 403, 404];

/** What a policy has to make of a caller. Throws for a policy that this table knows nothing of. */
export function expected(access: Access, actor: Actor | null, credential: Credential): Outcome {
  if (access.kind === 'anyone') return { as: null };
  if (access.kind === 'token') return { refused: [401] };
  const known = actor !== null && (credential === 'session' || mayUseKeys(actor));
  if (access.kind === 'optional') return { as: known && actor.role !== 'pending' ? actor.id : null };
  if (!actor) return { refused: [401] };
  if (!known) return { refused: [403] };
  if (access.kind === 'current') return { as: actor.id };
  if (access.kind === 'human') return credential === 'session' ? { as: actor.id } : { refused: [403] };
  if (actor.role === 'pending') return { refused: [401] };
  if (access.kind === 'admin') return actor.role === 'admin' ? { as: actor.id } : { refused: [401] };
  const { permission, right } = needsOf(access);
  if (permission && !actor.permitted && actor.role !== 'admin') return { refused: [401, 403] };
  if (right && !RIGHTS[right]?.(actor)) return { refused: OBJECT_REFUSALS };
  return { as: actor.id };
}

function mayUseKeys(actor: Actor): boolean {
  return actor.role === 'admin' || actor.permitted;
}

/** What a policy asks for beside the role. */
function needsOf({ kind, needs }: Access): { permission: boolean; right: string | null } {
  if (kind === 'may') return { permission: true, right: null };
  if (kind !== 'on') return { permission: false, right: null };
  const parts = (needs ?? '').split('+');
  const right = parts.pop() ?? '';
  return { permission: parts.length > 0, right };
}

/** The kind of object a policy is about; null when it is about none. */
export function objectOf(access: Access): string | null {
  if (access.kind === 'admin') return access.needs ?? null;
  return needsOf(access).right?.split(':')[0] ?? null;
}

/** Policies that `expected` cannot judge, with what is missing. */
export function unknownPolicy(access: Access, fixtures: Readonly<Record<string, string>>): string | null {
  const { right } = needsOf(access);
  if (right !== null && !RIGHTS[right])
    return `RIGHTS in tests/authorization/expected.ts does not say who has "${right}"`;
  const object = objectOf(access);
  if (object !== null && fixtures[object] === undefined) {
    return `tests/authorization/fixtures.ts makes no object of kind "${object}"`;
  }
  if (access.kind === 'may' && !access.needs) return 'a policy of kind "may" names no permission';
  return null;
}
