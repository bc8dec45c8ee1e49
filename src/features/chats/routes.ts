import type { Route } from '../../kernel/http/route.ts';
import { chatRoutesOfOne } from './chat-routes.ts';
import { listRoutes } from './list-routes.ts';
import { messageRoutes } from './message-routes.ts';
import { chatPolicies } from './policies.ts';
import type { Chats, ChatsDeps } from './service.ts';
import { shareRoutes } from './share-routes.ts';
import { statisticsRoutes } from './statistics-routes.ts';

/** `/api/v1/chats` (chats note, 1 and 2). */
export function chatRoutes(chats: Chats, deps: ChatsDeps): Route[] {
  const policies = chatPolicies(deps.database.db, chats.parts.guard);
  return [
    ...listRoutes(chats, deps),
    ...statisticsRoutes(chats, deps),
    ...shareRoutes(chats, policies),
    ...chatRoutesOfOne(chats, deps, policies),
    ...messageRoutes(chats, policies),
  ];
}
