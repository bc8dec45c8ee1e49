import type { Database } from '../../kernel/database/index.ts';
import type { Route } from '../../kernel/http/route.ts';
import type { Settings } from '../../kernel/settings/index.ts';
import type { Access } from '../access/index.ts';
import type { Accounts } from '../accounts/index.ts';
import type { EventSink } from '../configuration/index.ts';
import { discoveryRoutes } from './discovery.ts';
import { scimToken } from './errors.ts';
import { groupRoutes } from './group-routes.ts';
import { userRoutes } from './user-routes.ts';

export interface ScimDeps {
  database: Pick<Database, 'db'>;
  settings: Settings;
  access: Pick<Access, 'groups'>;
  accounts: Pick<Accounts, 'findUser' | 'findUsers' | 'provisioning'>;
  events: EventSink;
}

/** SCIM 2.0: identity providers keep accounts and groups up to date. No routes where the operator did not switch it on. */
export function scimRoutes(given: ScimDeps): Route[] {
  const events: EventSink = {
    publish: (event, details) => given.events.publish(event, { source: 'scim', ...details }),
  };
  const deps = { ...given, events };
  if (!deps.settings.get('ENABLE_SCIM')) return [];
  const access = scimToken(deps.settings.get('SCIM_TOKEN'));
  return [...discoveryRoutes(access), ...userRoutes(deps), ...groupRoutes(deps)];
}
