import type { Egress } from '../../../kernel/egress/index.ts';
import { egressFetch, type FetchLike } from '../mcp/fetch.ts';

/**
 * Requests to addresses that other servers name. Those an administrator has connected are asked wherever they are; whom one of them
 * names is asked on the open internet only, unless the server that was connected is itself within the site's own network.
 */
export function namedFetch(
  egress: Pick<Egress, 'request' | 'guard'>,
  connected: readonly (string | null)[],
  timeoutMs: () => number | null,
): FetchLike {
  const known = connected.filter((url): url is string => url !== null && URL.canParse(url));
  const origins = new Set(known.map((url) => new URL(url).origin));
  const trusted = egressFetch(egress, timeoutMs);
  const guarded = egressFetch(egress, timeoutMs, 'user');
  let looked: Promise<boolean> | null = null;
  const isInside = () => {
    looked ??= anyInside(egress, known);
    return looked;
  };
  return async (url, init) =>
    origins.has(new URL(url).origin) || (await isInside()) ? trusted(url, init) : guarded(url, init);
}

async function anyInside({ guard }: Pick<Egress, 'guard'>, urls: readonly string[]): Promise<boolean> {
  for (const url of urls) {
    try {
      await guard.checkAddresses(url);
    } catch {
      return true;
    }
  }
  return false;
}
