import type { JsonObject } from '../../kernel/json.ts';

/** An action or a toggled filter as a model's entry lists it. */
export interface FunctionItem {
  id: string;
  name: string;
  description: string | null;
  icon: string | null;
  [extra: string]: unknown;
}

/** Active functions that models can carry, sorted as lists show them; the plugin runtime fills this. */
export interface ModelFunctions {
  /** Items by id of the function they belong to; an action function may have several. */
  actions: ReadonlyMap<string, readonly FunctionItem[]>;
  filters: ReadonlyMap<string, readonly FunctionItem[]>;
  /** Ids of functions that every model carries. */
  global: ReadonlySet<string>;
}

export const NO_FUNCTIONS: ModelFunctions = { actions: new Map(), filters: new Map(), global: new Set() };

/** The `actions` and `filters` of one model: its own and the global ones. */
export function functionItems(
  { actions, filters, global }: ModelFunctions,
  meta: JsonObject,
): { actions: FunctionItem[]; filters: FunctionItem[] } {
  const pick = (all: ReadonlyMap<string, readonly FunctionItem[]>, own: unknown) => {
    const ids = new Set(Array.isArray(own) ? own : []);
    return [...all].flatMap(([id, items]) => (ids.has(id) || global.has(id) ? items : []));
  };
  return { actions: pick(actions, meta.actionIds), filters: pick(filters, meta.filterIds) };
}
