import { isObject } from '../../kernel/json.ts';
import type { Bus, LiveSocket, Realtime } from '../../kernel/realtime/index.ts';
import type { Sessions } from './sessions.ts';

/** Which models are being used by the clients of any process. */
export interface UsagePool {
  modelIds(): string[];
}

interface UsageDeps {
  realtime: Realtime;
  bus: Pick<Bus, 'publish' | 'subscribe'>;
  sessions: Sessions;
}

/** Milliseconds after which a use that is not reported again is over. */
const MAX_AGE_MS = 3_000;
const MAX_USES = 50_000;
const MAX_ID = 1_000;
const TOPIC = 'live:usage';

/** `usage`: a client says every second which model it uses (realtime note, 1.4). */
export function createUsagePool({ realtime, bus, sessions }: UsageDeps): UsagePool {
  const bySocket = new Map<string, Map<string, number>>();

  function note(socketId: string, model: string): void {
    const models = bySocket.get(socketId) ?? new Map<string, number>();
    // The order of the map is the order of the last reports.
    bySocket.delete(socketId);
    if (bySocket.size < MAX_USES) bySocket.set(socketId, models.set(model, performance.now()));
  }
  function sweep(): void {
    const oldest = performance.now() - MAX_AGE_MS;
    for (const [socketId, models] of bySocket) {
      for (const [model, at] of models) if (at < oldest) models.delete(model);
      if (models.size > 0) break;
      bySocket.delete(socketId);
    }
  }

  realtime.handle('usage', async (socket: LiveSocket, payload) => {
    if (!(await sessions.check(socket)) || !isObject(payload)) return;
    const { model } = payload;
    if (typeof model !== 'string' || model === '' || model.length > MAX_ID) return;
    sweep();
    note(socket.id, model);
    bus.publish(TOPIC, [socket.id, model]);
  });
  realtime.onDisconnect(({ id }) => {
    if (bySocket.delete(id)) bus.publish(TOPIC, [id]);
  });
  bus.subscribe(TOPIC, (message) => {
    const [socketId, model] = Array.isArray(message) ? message : [];
    if (typeof socketId !== 'string') return;
    sweep();
    if (typeof model === 'string') note(socketId, model);
    else bySocket.delete(socketId);
  });

  return {
    modelIds() {
      const oldest = performance.now() - MAX_AGE_MS;
      const ids = new Set<string>();
      for (const models of bySocket.values()) for (const [model, at] of models) if (at >= oldest) ids.add(model);
      return [...ids];
    },
  };
}
