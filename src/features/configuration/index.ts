import { anyone } from '../../kernel/http/access.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { type ClientConfigDeps, createClientConfig } from './client-config.ts';
import { eventRoutes } from './event-routes.ts';
import type { EventSink } from './events.ts';
import { formRoutes } from './form-routes.ts';
import type { Fetch } from './outgoing.ts';
import { retrievalRoutes } from './retrieval-routes.ts';
import { terminalRoutes } from './terminal-routes.ts';
import { type TransferDeps, transferRoutes } from './transfer-routes.ts';
import type { UrlCheck } from './webhooks.ts';

export { catalogue } from './event-catalogue.ts';
export { announce, type EventSink } from './events.ts';
export { field, formShape, formValues, readForm } from './forms.ts';
export { type EventWebhook, listWebhooks } from './webhooks.ts';

export interface ConfigurationDeps extends ClientConfigDeps {
  events: EventSink;
  /** Reaches servers an administrator names. */
  fetch: Fetch;
  /** Throws the HttpError for an address events must not be sent to. */
  checkUrl: UrlCheck;
  putSettings: TransferDeps['putSettings'];
}

/** What the web client learns, and the settings an administrator changes. */
export function configurationRoutes(deps: ConfigurationDeps): Route[] {
  const { config, events } = deps;
  const clientConfig = createClientConfig(deps);
  return [
    route({
      method: 'GET',
      url: '/api/config',
      access: anyone,
      tag: 'config',
      handler: ({ request }) => clientConfig(request),
    }),
    ...formRoutes(config, events),
    ...transferRoutes(deps),
    ...terminalRoutes(deps),
    ...eventRoutes(deps),
    ...retrievalRoutes(config, events),
  ];
}
