import { nowSeconds } from '../../kernel/time.ts';

interface Listed {
  id: string;
  name: string;
  description: string;
  /** Whether the caller has signed in at the server's own authorization server; absent: it has none. */
  authenticated?: boolean;
}

/** A tool server as an item of the tool list: like a tool, without what only those have. */
export function presentServer({ id, name, description, authenticated }: Listed) {
  const now = nowSeconds();
  return {
    version_id: null,
    id,
    user_id: id,
    name,
    meta: { i18n: null, description, manifest: {}, has_user_valves: false },
    access_grants: [],
    updated_at: now,
    created_at: now,
    user: null,
    ...(authenticated !== undefined && { authenticated }),
  };
}
