import { admin } from '../../kernel/http/access.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import type { Credential } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { type Config, configKeys, flatSettings, isConfigKey } from '../../kernel/settings/index.ts';
import { announce, type EventSink } from './events.ts';
import * as shapes from './shapes.ts';

const BASE = '/api/v1/configs';

/** Settings of the second factor, which an import may touch only with care. */
const MFA_KEYS = ['auth.mfa.enable', 'auth.mfa.allow_oauth_bypass', 'auth.mfa.allow_trusted_header_bypass'] as const;

export interface TransferDeps {
  config: Config;
  events: EventSink;
}

/** Export and import of everything stored (configuration note, 3.2). */
export function transferRoutes({ config, events }: TransferDeps): Route[] {
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
        guardSecondFactor(config, values, credential);
        await config.put(values);
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

/** Values that equal the stored ones are no change; a change needs the rules of the second factor, which are not here yet. */
function guardSecondFactor(
  config: Config,
  values: Readonly<Record<string, unknown>>,
  credential: Credential | null,
): void {
  const touched = MFA_KEYS.filter((key) => key in values);
  if (touched.length === 0) return;
  if (credential?.kind !== 'session') {
    throw new HttpError(403, 'A human administrator session is required to change MFA settings.');
  }
  if (touched.some((key) => values[key] !== config.get(key))) {
    throw new HttpError(409, 'Unable to update MFA policy. Check configuration and retry.');
  }
}
