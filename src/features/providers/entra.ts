import type { TokenCredential } from '@azure/identity';
import type { Log } from '../../kernel/telemetry/log.ts';

const SCOPE = 'https://cognitiveservices.azure.com/.default';
/** Milliseconds a token is used before the credential is asked anew, and at most until it ends soon. */
const KEPT_MS = 60_000;
const SOON_MS = 300_000;

/**
 * Access tokens of Microsoft Entra for Azure's models, of whatever identity the machine has: variables `AZURE_…`, a workload or
 * managed identity, or a signed-in command line (providers note, 2.1). Null where there is none; the log says why.
 */
export function createEntraTokens({ log }: { log: Pick<Log, 'warn'> }): () => Promise<string | null> {
  let credential: Promise<TokenCredential> | null = null;
  let known: { token: string; until: number } | null = null;
  let asking: Promise<string | null> | null = null;

  async function ask(): Promise<string | null> {
    try {
      credential ??= load();
      const found = await (await credential).getToken(SCOPE);
      if (!found) return null;
      const now = Date.now();
      known = { token: found.token, until: Math.min(now + KEPT_MS, found.expiresOnTimestamp - SOON_MS) };
      return found.token;
    } catch (error) {
      credential = null;
      const reason = error instanceof Error ? error.message : String(error);
      log.warn({ reason }, 'Microsoft Entra gives no token for the connections that want one');
      return null;
    }
  }

  return () => {
    if (known && Date.now() < known.until) return Promise.resolve(known.token);
    asking ??= ask().finally(() => {
      asking = null;
    });
    return asking;
  };
}

/** The package is large and few need it: it is theirs to install. */
async function load(): Promise<TokenCredential> {
  try {
    const { DefaultAzureCredential } = await import('@azure/identity');
    return new DefaultAzureCredential();
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Error('the package @azure/identity is not installed (npm install --no-save @azure/identity)');
  }
}
