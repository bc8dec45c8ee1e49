import type { Log } from '../../../kernel/telemetry/log.ts';
import { createDelegations, type DelegationDeps } from './delegate.ts';
import { createDeliver, type DeliveryDeps } from './delivery.ts';
import { chatsWaitedFor } from './store.ts';
import { type Cancel, createTimers } from './timers.ts';
import type { AgentToolDeps } from './tools.ts';

export { agentTools } from './tools.ts';

type AgentsDeps = Omit<DelegationDeps, 'deliver'> &
  DeliveryDeps &
  Pick<AgentToolDeps, 'unreadableFiles'> & {
    log: Pick<Log, 'error'>;
    /** Seconds between two looks at timers. */
    interval: number;
  };

/** Work the server does in chats on its own: sub-agents, timers, and the messages both send (chat pipeline note, 8.4 and 8.5). */
export interface Agents {
  tools: AgentToolDeps;
  /** A chat has no running reply any more: what waits for it comes now. */
  idle(chatId: string): Promise<void>;
  /** Something happened in a chat that cancels timers. */
  happened(userId: string, chatId: string, event: Cancel): void;
  start(): void;
  close(): Promise<void>;
}

/** Every so many looks at timers, what others have left is seen to. */
const SWEEP_EVERY = 5;

export function createAgents(deps: AgentsDeps): Agents {
  const { log, database } = deps;
  const deliver = createDeliver(deps);
  const delegations = createDelegations({ ...deps, deliver });
  const timers = createTimers({ ...deps, deliver });
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> = Promise.resolve();
  let looks = 0;
  let closed = false;

  async function look(): Promise<void> {
    try {
      await timers.fire();
      if (looks % SWEEP_EVERY === 0) {
        await delegations.sweep();
        for (const chatId of await chatsWaitedFor(database.db)) await deliver(chatId);
      }
      looks += 1;
    } catch (error) {
      log.error({ err: error }, 'timers and sub-agents could not be looked after');
    }
  }

  function next(): void {
    if (closed) return;
    timer = setTimeout(() => {
      working = look().finally(next);
    }, deps.interval * 1_000);
    timer.unref();
  }

  return {
    tools: { config: deps.config, unreadableFiles: deps.unreadableFiles, delegations, timers },
    idle: deliver,
    happened(userId, chatId, event) {
      timers.cancel(userId, chatId, event).catch((error: unknown) => {
        log.error({ err: error, chat: chatId }, 'timers could not be cancelled');
      });
    },
    start() {
      working = look().finally(next);
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await working;
    },
  };
}
