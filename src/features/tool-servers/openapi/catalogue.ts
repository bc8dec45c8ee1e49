import { createHash } from 'node:crypto';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import type { ServerConnection } from '../connections.ts';
import { type DocumentDeps, fetchDocument } from './document.ts';
import { type Operation, operationsOf } from './operations.ts';

/** An OpenAPI server whose document is known. */
export interface OpenApiServer {
  connection: ServerConnection;
  title: string;
  description: string;
  operations: readonly Operation[];
}

/** What OpenAPI servers offer: their documents, fetched once and looked at again in the background. */
export interface Catalogue {
  /** Those of these connections whose document could be read at some time; waits only for what was never asked for. */
  servers(connections: readonly ServerConnection[]): Promise<OpenApiServer[]>;
  /** Fetches all of them anew and forgets others. Never throws: failures are logged, the last good document stays. */
  refresh(connections: readonly ServerConnection[]): Promise<void>;
}

interface CatalogueDeps extends DocumentDeps {
  log: Pick<Log, 'warn'>;
}

interface Entry {
  server: Described | null;
  /** Milliseconds on the monotonic clock; a fetch is begun after it. */
  freshUntil: number;
  fetching: Promise<void> | null;
}

interface Described {
  info: JsonObject;
  operations: readonly Operation[];
}

const FRESH_MS = 60_000;
/** A server that failed is asked again after this. */
const FAILED_MS = 15_000;

export function createCatalogue(deps: CatalogueDeps): Catalogue {
  const entries = new Map<string, Entry>();

  function entryOf(connection: ServerConnection): Entry {
    const key = keyOf(connection);
    const known = entries.get(key);
    if (known) return known;
    const entry: Entry = { server: null, freshUntil: 0, fetching: null };
    entries.set(key, entry);
    return entry;
  }

  function look(entry: Entry, connection: ServerConnection): Promise<void> {
    entry.fetching ??= describe(deps, connection)
      .then(
        (server) => {
          entry.server = server;
          entry.freshUntil = performance.now() + FRESH_MS;
        },
        (error: unknown) => {
          entry.freshUntil = performance.now() + FAILED_MS;
          deps.log.warn({ err: error, server: connection.id }, 'the document of a tool server could not be read');
        },
      )
      .finally(() => {
        entry.fetching = null;
      });
    return entry.fetching;
  }

  return {
    async servers(connections) {
      const found = await Promise.all(
        connections.map(async (connection) => {
          const entry = entryOf(connection);
          const isNew = entry.freshUntil === 0;
          if (entry.freshUntil < performance.now()) void look(entry, connection);
          if (isNew) await entry.fetching;
          return entry.server ? [present(connection, entry.server)] : [];
        }),
      );
      return found.flat();
    },
    async refresh(connections) {
      const wanted = new Map(connections.map((connection) => [keyOf(connection), connection]));
      for (const key of entries.keys()) if (!wanted.has(key)) entries.delete(key);
      await Promise.all([...wanted.values()].map((connection) => look(entryOf(connection), connection)));
    },
  };
}

/** What decides over the document; access, names and filters do not. */
function keyOf({ url, path, authType, key, inlineSpec }: ServerConnection): string {
  return createHash('sha256')
    .update(JSON.stringify([url, path, authType, key, inlineSpec]))
    .digest('base64url');
}

async function describe(deps: CatalogueDeps, connection: ServerConnection): Promise<Described> {
  const { authType, key } = connection;
  const headers: Record<string, string> = {};
  if (authType === 'bearer' && key !== '') headers.Authorization = `Bearer ${key}`;
  const document = await fetchDocument(deps, connection, headers);
  if (!isObject(document.paths)) throw new Error('The document has no paths.');
  return { info: isObject(document.info) ? document.info : {}, operations: operationsOf(document) };
}

function present(connection: ServerConnection, { info, operations }: Described): OpenApiServer {
  const title = connection.name || text(info.title) || 'Tool Server';
  const description = connection.description ?? text(info.description);
  return { connection, title, description, operations };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
