import { may, optional, verified } from '../../kernel/http/access.ts';
import { detail } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, Dict, List } from '../../kernel/http/shapes.ts';
import { type ChatPolicies, refusals } from './policies.ts';
import type { Chats } from './service.ts';
import * as shapes from './shapes.ts';

/** Links, clones and forks (chats note, 2.7 and 2.8). */
export function shareRoutes({ parts }: Chats, policies: ChatPolicies): Route[] {
  const { sharing, copying } = parts;
  const url = (rest: string) => `/api/v1/chats/${rest}`;
  const mayCopy = may('chat.import', { status: 403, detail: detail.ACCESS_PROHIBITED });

  return [
    route({
      method: 'GET',
      url: url('shared'),
      access: verified,
      query: shapes.OrderedQuery,
      reply: List(shapes.SharedChatResponse),
      handler: ({ user, query }) => sharing.list(user, query),
    }),
    route({
      method: 'DELETE',
      url: url('share/all'),
      access: verified,
      reply: Bool(),
      handler: async ({ user }) => {
        await sharing.unshareAll(user);
        return true;
      },
    }),
    route({
      method: 'GET',
      url: url('share/:share_id'),
      access: optional,
      reply: shapes.ChatResponse,
      handler: ({ user, params }) => sharing.open(user, params.share_id ?? ''),
    }),
    route({
      method: 'POST',
      url: url(':id/share'),
      access: policies.share,
      body: shapes.ShareChatForm,
      reply: shapes.ChatResponse,
      handler: ({ user, target, body }) => sharing.share(user, target, body?.share_mode),
    }),
    route({
      method: 'DELETE',
      url: url(':id/share'),
      access: policies.own(refusals.prohibited),
      reply: Bool(),
      handler: async ({ user, target }) => {
        await sharing.unshare(user, target);
        return true;
      },
    }),
    route({
      method: 'GET',
      url: url('shared/:id/access'),
      access: policies.manage(refusals.missing),
      reply: List(Dict()),
      handler: ({ target }) => sharing.grants(target),
    }),
    route({
      method: 'POST',
      url: url('shared/:id/access/update'),
      access: policies.manage(refusals.missing),
      body: shapes.ChatAccessGrantsForm,
      reply: shapes.ChatResponse,
      handler: ({ user, target, body }) => sharing.setGrants(user, target, body),
    }),
    route({
      method: 'POST',
      url: url(':id/clone'),
      access: policies.copy,
      body: shapes.CloneForm,
      reply: shapes.ChatResponse,
      handler: ({ user, target, body }) => copying.clone(user, target, body.title),
    }),
    route({
      method: 'POST',
      url: url(':id/clone/shared'),
      access: mayCopy,
      reply: shapes.ChatResponse,
      handler: ({ user, params }) => copying.cloneShared(user, params.id ?? ''),
    }),
    route({
      method: 'POST',
      url: url(':id/fork'),
      access: mayCopy,
      body: shapes.ForkForm,
      reply: shapes.ChatResponse,
      handler: ({ user, params, body }) => copying.fork(user, params.id ?? '', body?.message_id ?? null),
    }),
  ];
}
