import { both, may, on, type Resource, resource, whileOn } from '../../kernel/http/access.ts';
import { detail, forbidden } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool } from '../../kernel/http/shapes.ts';
import { isObject } from '../../kernel/json.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { createChannelMessages } from './messages.ts';
import { type ChannelsDeps, createChannels } from './service.ts';
import * as shapes from './shapes.ts';
import { type ChannelRow, findChannel, isClosed } from './store.ts';

const base = '/api/v1/channels/';

/** Channels: lists, creating, sharing, reading and posting (realtime note, 2). */
export function channelRoutes(deps: ChannelsDeps & { config: Pick<Config, 'get'> }): Route[] {
  const { database, config } = deps;
  const channels = createChannels(deps);
  const messages = createChannelMessages(deps, channels);
  const user = whileOn(
    () => config.get('channels.enable'),
    () => forbidden('Channels is disabled'),
    may('features.channels', { detail: detail.UNAUTHORIZED }),
  );
  const channel = resource<ChannelRow>({
    name: 'channel',
    load: (id) => findChannel(database.db, id),
    allows: async (who, row, right) => {
      if (right === 'own') return row.user_id === who.id || who.role === 'admin';
      return channels.allows(who, row, right === 'write' ? 'write' : 'read');
    },
    denied: () => forbidden(detail.DEFAULT),
  });
  const of = (right: string, changes: Partial<Resource<ChannelRow>> = {}) =>
    both(user, on({ ...channel, ...changes }, right));
  const [reader, writer, owner] = [of('read'), of('write'), of('own')];
  const sharer = of('own', {
    allows: (who, row) => !isClosed(row) && (row.user_id === who.id || who.role === 'admin'),
    denied: () => forbidden(),
  });
  return [
    route({ method: 'GET', url: base, access: user, handler: ({ user }) => channels.list(user) }),
    route({ method: 'GET', url: `${base}list`, access: user, handler: ({ user }) => channels.listAll(user) }),
    route({
      method: 'GET',
      url: `${base}users/:user_id`,
      access: user,
      handler: ({ user, params }) => channels.direct(user, params.user_id ?? ''),
    }),
    route({
      method: 'POST',
      url: `${base}create`,
      access: user,
      body: shapes.CreateChannelForm,
      handler: ({ user, body }) => channels.create(user, body),
    }),
    route({
      method: 'GET',
      url: `${base}:id`,
      access: reader,
      handler: ({ user, target }) => channels.one(user, target),
    }),
    route({
      method: 'POST',
      url: `${base}:id/update`,
      access: owner,
      body: shapes.ChannelForm,
      handler: ({ user, target, body }) => channels.update(user, target, body),
    }),
    route({
      method: 'POST',
      url: `${base}:id/access/update`,
      access: sharer,
      body: shapes.ChannelAccessForm,
      handler: ({ user, target, body }) => channels.share(user, target, body.access_grants),
    }),
    route({
      method: 'DELETE',
      url: `${base}:id/delete`,
      access: owner,
      reply: Bool(),
      handler: async ({ user, target }) => {
        await channels.remove(user, target);
        return true;
      },
    }),
    route({
      method: 'GET',
      url: `${base}:id/messages`,
      access: reader,
      query: shapes.MessagesQuery,
      handler: ({ user, target, query }) =>
        messages.list(user, target, Math.max(0, query.skip), Math.min(1_000, Math.max(0, query.limit))),
    }),
    route({
      method: 'POST',
      url: `${base}:id/messages/post`,
      access: writer,
      body: shapes.MessageForm,
      handler: ({ user, target, body }) => messages.post(user, target, body),
    }),
    route({
      method: 'GET',
      url: `${base}:id/messages/:message_id`,
      access: reader,
      handler: async ({ target, params }) => messages.full(await messages.one(target, params.message_id ?? '')),
    }),
    route({
      method: 'GET',
      url: `${base}:id/messages/:message_id/data`,
      access: reader,
      handler: async ({ target, params }) => {
        const { data } = await messages.one(target, params.message_id ?? '');
        return isObject(data) ? data : null;
      },
    }),
  ];
}
