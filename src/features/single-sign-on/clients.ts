import type { Egress } from '../../kernel/egress/index.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import { connectClient, type ProviderClient } from './client.ts';
import { describeProblem } from './problems.ts';
import { configuredProviders, type LoginProvider } from './providers.ts';
import { fetchThrough } from './transport.ts';

/** Milliseconds until a provider is asked again what it is; meanwhile the last answer serves. */
const MAX_AGE_MS = 3_600_000;

export interface ClientsDeps {
  config: Config;
  settings: Settings;
  egress: Egress;
  log: Log;
}

/** The providers people may sign in at, as they are configured now. */
export interface Clients {
  providers(): ReadonlyMap<string, LoginProvider>;
  /** Names and labels; the same object until they change. */
  labels(): Readonly<Record<string, string>>;
  /** Null: no provider has this name. Throws where it cannot be reached. */
  client(name: string): Promise<ProviderClient | null>;
  close(): void;
}

interface Kept {
  provider: LoginProvider;
  client: Promise<ProviderClient>;
  at: number;
}

export function createClients({ config, settings, egress, log }: ClientsDeps): Clients {
  let current: { providers: ReadonlyMap<string, LoginProvider>; labels: Readonly<Record<string, string>> } | null =
    null;
  const kept = new Map<string, Kept>();
  const stop = config.onChange((keys) => {
    if ([...keys].some((key) => key.startsWith('oauth.'))) current = null;
  });

  function now() {
    if (!current) {
      const providers = configuredProviders(config, settings);
      const labels = Object.fromEntries([...providers.values()].map(({ name, label }) => [name, label]));
      current = { providers, labels };
    }
    return current;
  }

  const connect = (provider: LoginProvider): Promise<ProviderClient> =>
    connectClient({
      provider,
      fetch: fetchThrough(egress, provider.timeoutMs),
      includeClientId: settings.get('OAUTH_ACCESS_TOKEN_REQUEST_INCLUDE_CLIENT_ID'),
    });

  /** One that does not answer is asked anew by the next sign-in. */
  function start(provider: LoginProvider): Kept {
    const entry: Kept = { provider, client: connect(provider), at: performance.now() };
    kept.set(provider.name, entry);
    entry.client.catch(() => {
      if (kept.get(provider.name) === entry) kept.delete(provider.name);
    });
    return entry;
  }

  async function renew(entry: Kept): Promise<void> {
    entry.at = performance.now();
    try {
      const client = await connect(entry.provider);
      if (kept.get(entry.provider.name) === entry) entry.client = Promise.resolve(client);
    } catch (error) {
      const { reason } = describeProblem(error);
      log.warn({ provider: entry.provider.name, reason }, 'an identity provider does not say what it is');
    }
  }

  return {
    providers: () => now().providers,
    labels: () => now().labels,
    async client(name) {
      const provider = now().providers.get(name);
      if (!provider) return null;
      const known = kept.get(name);
      if (!known || !same(known.provider, provider)) return start(provider).client;
      if (performance.now() - known.at > MAX_AGE_MS) void renew(known);
      return known.client;
    },
    close: stop,
  };
}

function same(one: LoginProvider, other: LoginProvider): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
