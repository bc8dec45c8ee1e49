import { admin } from '../../kernel/http/access.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { List } from '../../kernel/http/shapes.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { catalogue } from './event-catalogue.ts';
import type { EventSink } from './events.ts';
import * as shapes from './shapes.ts';
import {
  addWebhook,
  changeWebhook,
  type EventWebhook,
  listWebhooks,
  removeWebhook,
  type UrlCheck,
} from './webhooks.ts';

export interface EventRouteDeps {
  config: Pick<Config, 'get' | 'update' | 'set'>;
  events: EventSink;
  /** Release whose protocol is spoken. */
  version: string;
  checkUrl: UrlCheck;
}

/** The event catalogue and the installation's webhooks (configuration note, 5.8). */
export function eventRoutes({ config, events, version, checkUrl }: EventRouteDeps): Route[] {
  const url = '/api/events/webhooks';
  const told = (actor: User, id: string, data: Record<string, unknown>) =>
    events.publish('config.webhook.updated', { actor, subject: { type: 'config', id }, data });
  const tell = (actor: User, action: string, webhook: EventWebhook) => {
    const { enabled, events: names, targets } = webhook;
    told(actor, webhook.id, { action, enabled, events: names, targets });
    return webhook;
  };
  return [
    route({
      method: 'GET',
      url: '/api/events',
      access: admin,
      handler: () => ({ schema: version, events: catalogue }),
    }),
    route({
      method: 'GET',
      url,
      access: admin,
      reply: List(shapes.EventWebhook),
      handler: () => listWebhooks(config),
    }),
    route({
      method: 'POST',
      url,
      access: admin,
      body: shapes.EventWebhookForm,
      reply: shapes.EventWebhook,
      handler: async ({ body, user }) => tell(user, 'created', await addWebhook(config, body, checkUrl)),
    }),
    route({
      method: 'PUT',
      url: `${url}/:id`,
      access: admin,
      body: shapes.EventWebhookUpdateForm,
      reply: shapes.EventWebhook,
      handler: async ({ body, user, params }) =>
        tell(user, 'updated', await changeWebhook(config, params.id ?? '', body, checkUrl)),
    }),
    route({
      method: 'DELETE',
      url: `${url}/:id`,
      access: admin,
      handler: async ({ user, params }) => {
        await removeWebhook(config, params.id ?? '');
        told(user, params.id ?? '', { action: 'deleted' });
        return { status: true };
      },
    }),
  ];
}
