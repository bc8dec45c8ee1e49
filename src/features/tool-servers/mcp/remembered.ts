import { createHash } from 'node:crypto';
import type { ServerConnection } from '../connections.ts';
import type { ToolHeaders } from '../headers.ts';
import type { McpConnect, McpSession } from './connect.ts';

type Listing = Pick<McpSession, 'instructions' | 'tools'>;

export interface RememberedConnect {
  connect: McpConnect;
  /** The settings have changed. */
  forget(): void;
}

const MAX_AGE_MS = 60_000;
const MOST = 500;

/**
 * Remembers for a minute what a server offers to whom, so that a turn waits for it only when a tool is called. Who is asking counts by
 * the headers that are sent: nobody sees what another was told.
 */
export function rememberListings(connect: McpConnect, headers: ToolHeaders): RememberedConnect {
  const listings = new Map<string, { listing: Listing; until: number }>();

  function keep(key: string, { instructions, tools }: Listing): void {
    listings.delete(key);
    listings.set(key, { listing: { instructions, tools }, until: performance.now() + MAX_AGE_MS });
    for (const oldest of listings.keys()) {
      if (listings.size <= MOST) break;
      listings.delete(oldest);
    }
  }

  return {
    forget: () => listings.clear(),
    async connect(connection, call, ask) {
      const key = keyOf(connection, await headers(connection, call));
      const open = async () => {
        const session = await connect(connection, call, ask);
        keep(key, session);
        return session;
      };
      const known = listings.get(key);
      return known && known.until > performance.now() ? openLater(known.listing, open) : open();
    },
  };
}

function keyOf({ url }: ServerConnection, headers: Record<string, string>): string {
  const sent = Object.entries(headers).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([url, sent]))
    .digest('base64url');
}

/** A session that is opened by its first call. */
function openLater({ instructions, tools }: Listing, open: () => Promise<McpSession>): McpSession {
  let opening: Promise<McpSession> | null = null;
  return {
    instructions,
    tools,
    async call(name, args, signal) {
      opening ??= open();
      return (await opening).call(name, args, signal);
    },
    async close() {
      const session = await opening?.catch(() => null);
      await session?.close();
    },
  };
}
