import type { FastifyBaseLogger } from 'fastify';
import type { Bus } from '../../kernel/realtime/index.ts';
import type { Sessions } from './sessions.ts';

/** `changed`: name and the like; `role`, `revoked` (all sessions ended) and `deleted` end live sockets. */
export type UserChange = 'changed' | 'role' | 'revoked' | 'deleted';

export interface AccountEvents {
  userChanged(userId: string, what: UserChange): void;
  signedOut(userId: string, jti: string): void;
  onUserChanged(listener: (userId: string, what: UserChange) => void): () => void;
  onSignOut(listener: (userId: string, jti: string) => void): () => void;
  /** In this process: everybody's sessions have ended. */
  everybodySignedOut(): void;
  onEverybodySignedOut(listener: () => void): () => void;
  close(): void;
}

interface EventDeps {
  bus: Pick<Bus, 'publish' | 'subscribe' | 'onGap'>;
  log: FastifyBaseLogger;
  sessions: Sessions;
}

const USER_TOPIC = 'accounts:user';
const SIGN_OUT_TOPIC = 'accounts:sign-out';
const CHANGES: readonly unknown[] = ['changed', 'role', 'revoked', 'deleted'];

const isChange = (value: unknown): value is UserChange => CHANGES.includes(value);

/** Tells caches and listeners of every process what happened to a user or a token. */
export function createAccountEvents({ bus, log, sessions }: EventDeps): AccountEvents {
  const userListeners = new Set<(userId: string, what: UserChange) => void>();
  const signOutListeners = new Set<(userId: string, jti: string) => void>();

  const everybodyListeners = new Set<() => void>();

  function each<L>(listeners: Set<L>, call: (listener: L) => void): void {
    for (const listener of listeners) {
      try {
        call(listener);
      } catch (error) {
        log.error({ err: error }, 'a listener of account changes failed');
      }
    }
  }
  function applyUser(userId: string, what: UserChange): void {
    sessions.accounts.delete(userId);
    each(userListeners, (listener) => listener(userId, what));
  }
  function applySignOut(userId: string, jti: string): void {
    sessions.noteRevoked(jti);
    each(signOutListeners, (listener) => listener(userId, jti));
  }
  const stop = [
    bus.onGap(() => sessions.forget()),
    bus.subscribe(USER_TOPIC, (message) => {
      const [userId, what] = Array.isArray(message) ? message : [];
      if (typeof userId === 'string' && isChange(what)) applyUser(userId, what);
    }),
    bus.subscribe(SIGN_OUT_TOPIC, (message) => {
      const [userId, jti] = Array.isArray(message) ? message : [];
      if (typeof userId === 'string' && typeof jti === 'string') applySignOut(userId, jti);
    }),
  ];
  return {
    userChanged(userId, what) {
      applyUser(userId, what);
      bus.publish(USER_TOPIC, [userId, what], { awaited: true });
    },
    signedOut(userId, jti) {
      applySignOut(userId, jti);
      bus.publish(SIGN_OUT_TOPIC, [userId, jti], { awaited: true });
    },
    onUserChanged(listener) {
      userListeners.add(listener);
      return () => userListeners.delete(listener);
    },
    onSignOut(listener) {
      signOutListeners.add(listener);
      return () => signOutListeners.delete(listener);
    },
    everybodySignedOut() {
      sessions.accounts.clear();
      each(everybodyListeners, (listener) => listener());
    },
    onEverybodySignedOut(listener) {
      everybodyListeners.add(listener);
      return () => everybodyListeners.delete(listener);
    },
    close() {
      for (const one of stop) one();
    },
  };
}
