import { HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { grantsAllow } from '../access/index.ts';
import type { GateRow, ModelGate } from '../providers/index.ts';
import type { ModelsDeps } from './models.ts';
import type { Rows } from './rows.ts';

/** Access to models by their rows alone: for requests that name an id no list may have (providers note, 0.4, check R). */
export function createGate(
  { settings, access }: Pick<ModelsDeps, 'settings' | 'access'>,
  rows: () => Promise<Rows>,
): Omit<ModelGate, 'resolvePrompt'> {
  const bypassed = (user: User) => user.role === 'admin' || settings.get('BYPASS_MODEL_ACCESS_CONTROL');

  function reads({ byId, grants }: Rows, user: User, groups: ReadonlySet<string>, id: string): boolean {
    const row = byId.get(id);
    return row !== undefined && (row.user_id === user.id || grantsAllow(grants.get(id) ?? [], user.id, groups, 'read'));
  }

  return {
    async row(id): Promise<GateRow | null> {
      return (await rows()).byId.get(id) ?? null;
    },
    async check(user, id) {
      if (bypassed(user)) return;
      const [known, groups] = await Promise.all([rows(), access.groupIds(user.id)]);
      const seen = new Set<string>();
      for (let at: string | null = id; at !== null && !seen.has(at); ) {
        seen.add(at);
        if (!reads(known, user, groups, at)) throw new HttpError(403, 'Model not found');
        at = known.byId.get(at)?.base_model_id ?? null;
      }
    },
    async readable(user, ids) {
      if (bypassed(user)) return new Set(ids);
      const [known, groups] = await Promise.all([rows(), access.groupIds(user.id)]);
      return new Set(ids.filter((id) => reads(known, user, groups, id)));
    },
  };
}
