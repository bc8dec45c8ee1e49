import { detail, forbidden, HttpError } from '../../../kernel/http/errors.ts';
import type { User } from '../../../kernel/http/principal.ts';
import type { Connection } from '../connections.ts';
import { indexParam } from '../pass-on.ts';
import type { ProviderRouteDeps } from '../route-deps.ts';

export const ollamaOff = () => new HttpError(503, detail.OLLAMA_API_DISABLED);

export const modelNotFound = (id: string) => new HttpError(400, `Model '${id}' was not found`);

/** Which servers a request goes to (providers note, 5, common rules). */
export function createTargets({ kit, config }: Pick<ProviderRouteDeps, 'kit' | 'config'>) {
  /** The server of the path, or null when the path names none. */
  function named(params: Record<string, string>): Connection | null {
    if (params.url_idx === undefined) return null;
    const connection = kit.registry.ollamaConnection(indexParam(params));
    if (!connection) throw new HttpError(404, 'Connection not found');
    return connection;
  }

  return {
    assertOn(): void {
      if (!config.get('ollama.enable')) throw ollamaOff();
    },

    /** The server of the path, else the first. */
    one(params: Record<string, string>): Connection {
      const connection = named(params) ?? kit.registry.ollamaConnection(0);
      if (!connection) throw new HttpError(404, 'Connection not found');
      return connection;
    },

    /** The server of the path, which must have the model unless an administrator asks; else those that have it. */
    async forModel(user: User, id: string, params: Record<string, string>): Promise<Connection[]> {
      const asked = named(params);
      let entry = (await kit.registry.offer()).ollama.get(id);
      if (!entry && !asked) {
        kit.registry.expire();
        entry = (await kit.registry.offer()).ollama.get(id);
      }
      if (asked) {
        const urls: unknown = entry?.ollama?.urls;
        const has = Array.isArray(urls) && urls.includes(asked.index);
        if (!has && user.role !== 'admin') throw forbidden();
        return [asked];
      }
      if (!entry) throw modelNotFound(id);
      return kit.registry.ollamaServers(entry);
    },
  };
}
