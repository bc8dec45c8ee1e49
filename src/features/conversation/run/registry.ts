import type { LiveRun } from './live-run.ts';

/** A run of this process. */
export interface RegisteredRun {
  run: LiveRun;
  /** Resolves when everything about it is over: stored, told, and what comes afterwards. */
  over: Promise<void>;
}

/** The runs of this process, by task and by chat. */
export interface Registry {
  /** Registers a run; it leaves when `over` resolves. */
  add(run: LiveRun, work: () => Promise<void>): RegisteredRun;
  get(taskId: string): RegisteredRun | undefined;
  inChat(chatId: string): RegisteredRun[];
  all(): RegisteredRun[];
  has(chatId: string): boolean;
}

export function createRegistry(): Registry {
  const byTask = new Map<string, RegisteredRun>();
  const byChat = new Map<string, Set<RegisteredRun>>();

  function leave(taskId: string): void {
    const known = byTask.get(taskId);
    if (!known) return;
    byTask.delete(taskId);
    const { chatId } = known.run.turn;
    const siblings = byChat.get(chatId);
    siblings?.delete(known);
    if (siblings?.size === 0) byChat.delete(chatId);
  }

  return {
    add(run, work) {
      const { taskId, chatId } = run.turn;
      const { promise: over, resolve } = Promise.withResolvers<void>();
      const registered: RegisteredRun = { run, over };
      byTask.set(taskId, registered);
      byChat.set(chatId, (byChat.get(chatId) ?? new Set()).add(registered));
      void work().finally(() => {
        leave(taskId);
        resolve();
      });
      return registered;
    },
    get: (taskId) => byTask.get(taskId),
    inChat: (chatId) => [...(byChat.get(chatId) ?? [])],
    all: () => [...byTask.values()],
    has: (chatId) => byChat.has(chatId),
  };
}
