import { admin } from '../../kernel/http/access.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { UserPermissions } from './group-shapes.ts';
import type { AccountService } from './service.ts';

const BASE = '/api/v1/users/default/permissions';

/** The permission tree everybody has before groups add to it. */
export function permissionRoutes({ access, config, events }: AccountService): Route[] {
  return [
    route({
      method: 'GET',
      url: BASE,
      access: admin,
      reply: UserPermissions,
      handler: () => access.defaultTree(),
    }),
    route({
      method: 'GET',
      url: `${BASE}/defaults`,
      access: admin,
      reply: UserPermissions,
      handler: () => access.builtInTree,
    }),
    route({
      method: 'POST',
      url: BASE,
      access: admin,
      body: UserPermissions,
      async handler({ body, user }) {
        await config.set({ 'user.permissions': body });
        // Open tabs have the old tree.
        access.announce(null);
        events.publish('user.permissions_updated', {
          actor: user,
          subject: { type: 'config', id: 'user.permissions' },
        });
        return body;
      },
    }),
  ];
}
