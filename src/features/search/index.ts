import { verified } from '../../kernel/http/access.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { createGlobalSearch, type SearchDeps } from './service.ts';
import { GlobalSearchQuery, GlobalSearchResponse } from './shapes.ts';

export type { SearchDeps } from './service.ts';

/** GET /api/v1/search. */
export function searchRoutes(deps: SearchDeps): Route[] {
  const search = createGlobalSearch(deps);
  return [
    route({
      method: 'GET',
      url: '/api/v1/search',
      access: verified,
      query: GlobalSearchQuery,
      reply: GlobalSearchResponse,
      handler: ({ user, query }) => search(user, query),
    }),
  ];
}
