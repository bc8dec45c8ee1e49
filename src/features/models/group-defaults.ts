import type { User } from '../../kernel/http/principal.ts';
import { isObject } from '../../kernel/json.ts';
import type { Access } from '../access/index.ts';
import type { Models } from './models.ts';

/** The default models a user's groups give, comma-separated, of those that the user sees; null when none is left. */
export async function groupDefaultModels(
  user: User,
  access: Pick<Access, 'defaultModels'>,
  models: Pick<Models, 'list'>,
): Promise<string | null> {
  const wanted = await access.defaultModels(user.id);
  if (!wanted) return null;
  const isHidden = (meta: unknown) => isObject(meta) && meta.hidden === true;
  const list = await models.list(user);
  const shown = new Set(list.filter(({ info }) => !isHidden(info?.meta)).map(({ id }) => id));
  return wanted.filter((id) => shown.has(id)).join(',') || null;
}
