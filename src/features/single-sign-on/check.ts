import type { Egress } from '../../kernel/egress/index.ts';
import { configDefaults } from '../../kernel/settings/config-defaults.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import { connectClient } from './client.ts';
import { describeProblem } from './problems.ts';
import { configuredProviders } from './providers.ts';
import { fetchThrough } from './transport.ts';

/** A login provider of the environment: what it says it is, or why it cannot be asked. */
export type ProviderState = { name: string } & ({ issuer: string } | { reason: string });

/** Asks the login providers that the environment names. */
export async function checkLoginProviders(settings: Settings, egress: Egress): Promise<ProviderState[]> {
  const defaults = configDefaults(settings);
  const config: Pick<Config, 'get'> = { get: (key) => defaults.get(key) as never };
  const providers = [...configuredProviders(config, settings).values()];
  return Promise.all(
    providers.map(async (provider): Promise<ProviderState> => {
      const { name, timeoutMs } = provider;
      try {
        const fetch = fetchThrough(egress, timeoutMs);
        return { name, issuer: (await connectClient({ provider, fetch, includeClientId: false })).issuer };
      } catch (error) {
        return { name, reason: describeProblem(error).reason };
      }
    }),
  );
}
