import type { Db } from '../../kernel/database/index.ts';
import { verified } from '../../kernel/http/access.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Int, List, Obj, Str } from '../../kernel/http/shapes.ts';
import { countActiveUsers } from './store.ts';
import type { UsagePool } from './usage.ts';

interface RouteDeps {
  db: Db;
  usage: UsagePool;
  /** Whether users who are no administrators may look. */
  isPublic: boolean;
}

const Usage = Obj({ model_ids: List(Str()), user_count: Int() });

export function liveRoutes({ db, usage, isPublic }: RouteDeps): Route[] {
  return [
    route({
      method: 'GET',
      url: '/api/usage',
      access: verified,
      reply: Usage,
      async handler({ user }) {
        if (!isPublic && user.role !== 'admin') {
          throw new HttpError(403, 'Access denied. Only administrators can view usage statistics.');
        }
        return { model_ids: usage.modelIds(), user_count: await countActiveUsers(db) };
      },
    }),
  ];
}
