import { randomInt } from 'node:crypto';
import { HttpError } from '../../../kernel/http/errors.ts';
import type { User } from '../../../kernel/http/principal.ts';
import { isObject } from '../../../kernel/json.ts';
import type { TurnModel, TurnModelEntry } from '../turn/turn.ts';

/** What is needed of the table of models. */
export interface ModelTable {
  table(): Promise<ReadonlyMap<string, TurnModelEntry>>;
  /** Null: there is none, or the user may not use it. */
  resolve(user: User, id: string): Promise<TurnModel | null>;
}

export function isArena(entry: TurnModelEntry): boolean {
  return entry.owned_by === 'arena';
}

/** One of the models an arena stands for, at random among those the user may use (chat pipeline note, 1.7). */
export async function pickFromArena(arena: TurnModelEntry, user: User, models: ModelTable): Promise<TurnModel> {
  const left = candidates(arena, await models.table());
  while (left.length > 0) {
    const [id] = left.splice(randomInt(left.length), 1);
    const picked = id === undefined ? null : await models.resolve(user, id);
    if (picked) return picked;
  }
  throw new HttpError(400, 'Model not found', { code: 'model.not_found' });
}

function candidates(arena: TurnModelEntry, table: ReadonlyMap<string, TurnModelEntry>): string[] {
  const meta = isObject(arena.info) && isObject(arena.info.meta) ? arena.info.meta : {};
  const listed = Array.isArray(meta.model_ids) ? meta.model_ids.filter((id) => typeof id === 'string') : [];
  const others = [...table.values()].filter((entry) => !isArena(entry)).map(({ id }) => id);
  if (listed.length === 0) return others;
  if (meta.filter_mode === 'exclude') return others.filter((id) => !listed.includes(id));
  return others.filter((id) => listed.includes(id));
}
