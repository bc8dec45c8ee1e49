import { admin } from '../../kernel/http/access.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import type { Credential, User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { type Config, configKeys, flatSettings, isConfigKey } from '../../kernel/settings/index.ts';
import { announce, type EventSink } from './events.ts';
import * as shapes from './shapes.ts';

const BASE = '/api/v1/configs';

export interface TransferDeps {
  config: Config;
  events: EventSink;
  /** Stores settings, those of the second factor by their own rules. */
  putSettings(
    values: Readonly<Record<string, unknown>>,
    author: { user: User; credential: Credential | null },
  ): Promise<unknown>;
}

/** Export and import of everything stored (configuration note, 3.2). */
export function transferRoutes({ config, events, putSettings }: TransferDeps): Route[] {
  return [
    route({ method: 'GET', url: `${BASE}/export`, access: admin, handler: () => config.all() }),
    route({
      method: 'GET',
      url: `${BASE}/namespace/:namespace`,
      access: admin,
      handler: ({ params }) => config.namespace(params.namespace ?? ''),
    }),
    route({
      method: 'POST',
      url: `${BASE}/import`,
      access: admin,
      body: shapes.ImportConfigForm,
      handler: async ({ body, user, credential }) => {
        const values = importedValues(body.config);
        await putSettings(values, { user, credential });
        announce(events, 'config.imported', user, 'import', { keys: Object.keys(values) });
        return config.all();
      },
    }),
  ];
}

/** Rows of an import: settings of earlier releases are taken apart, known keys must hold what they can mean. */
function importedValues(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, value] of flatSettings({ ...given })) {
    if (isConfigKey(key) && value !== null && configKeys[key].read(value) === undefined) {
      throw new HttpError(400, `${key}: expected ${configKeys[key].type}`);
    }
    Object.defineProperty(values, key, { value, enumerable: true, writable: true, configurable: true });
  }
  return values;
}
