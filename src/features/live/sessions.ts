import type { User } from '../../kernel/http/principal.ts';
import { isObject } from '../../kernel/json.ts';
import type { LiveSocket, Realtime } from '../../kernel/realtime/index.ts';
import type { Accounts } from '../accounts/index.ts';

/** A signed-in socket of this process. */
export interface LiveSession {
  socket: LiveSocket;
  token: string;
  /** Id of the token, for sign-outs. */
  jti: unknown;
  userId: string;
  /** Last heartbeat; milliseconds on the monotonic clock, as below. */
  seenAt: number;
  /** When the session is looked at again without being asked. */
  checkAt: number;
}

export interface Sessions {
  /** Signs a socket in with a token from outside; null when the token does not count. */
  signIn(socket: LiveSocket, auth: unknown): Promise<User | null>;
  /** Whom a token from outside belongs to; null when it does not count. Nothing else changes. */
  verify(auth: unknown): Promise<User | null>;
  /** The user as of now. A socket whose session is over, or which never had one, is disconnected: null. */
  check(socket: LiveSocket): Promise<User | null>;
  /** Whether the socket's account waits for an administrator. */
  isWaiting(socket: LiveSocket): boolean;
  /** Ends the sockets of an account that waited: their pages connect anew, and look again whether they may come in. */
  callIn(userId: string): void;
  get(socketId: string): LiveSession | undefined;
  all(): Iterable<LiveSession>;
}

interface SessionDeps {
  realtime: Realtime;
  accounts: Pick<Accounts, 'verifyToken'>;
}

export const CHECK_EVERY_MS = 30_000;

const hasRole = ({ role }: User): boolean => role === 'user' || role === 'admin';

/** Which sockets are signed in, and as whom (realtime note, 1.2). */
export function createSessions({ realtime, accounts }: SessionDeps): Sessions {
  const sessions = new Map<string, LiveSession>();
  /** Sockets of accounts without a role: they get nothing, and end when that changes. */
  const waiting = new Map<string, { socket: LiveSocket; userId: string; token: string }>();
  realtime.onDisconnect((socket) => {
    sessions.delete(socket.id);
    waiting.delete(socket.id);
  });

  async function holderOf(auth: unknown) {
    const token = isObject(auth) ? auth.token : undefined;
    return typeof token !== 'string' || token === '' ? null : accounts.verifyToken(token);
  }
  async function principalOf(auth: unknown) {
    const principal = await holderOf(auth);
    return principal && hasRole(principal.user) ? principal : null;
  }

  return {
    async signIn(socket, auth) {
      const principal = await holderOf(auth);
      if (!principal) return null;
      const { user, credential } = principal;
      if (!hasRole(user)) {
        if (!sessions.has(socket.id)) waiting.set(socket.id, { socket, userId: user.id, token: credential.token });
        return null;
      }
      waiting.delete(socket.id);
      const now = performance.now();
      sessions.set(socket.id, {
        socket,
        token: credential.token,
        jti: credential.claims.jti,
        userId: user.id,
        seenAt: now,
        checkAt: now + CHECK_EVERY_MS,
      });
      await Promise.all([socket.identify({ id: user.id, name: user.name }), socket.join(`user:${user.id}`)]);
      return user;
    },
    verify: async (auth) => (await principalOf(auth))?.user ?? null,
    async check(socket) {
      const session = sessions.get(socket.id);
      const principal = await principalOf(session);
      if (principal) return principal.user;
      const held = session ? null : await holderOf(waiting.get(socket.id));
      if (held) {
        if (hasRole(held.user)) socket.disconnect();
        return null;
      }
      sessions.delete(socket.id);
      // A client that waits for an acknowledgement gets it first.
      setImmediate(() => socket.disconnect());
      return null;
    },
    isWaiting: (socket) => waiting.has(socket.id),
    callIn(userId) {
      for (const one of [...waiting.values()]) if (one.userId === userId) one.socket.disconnect();
    },
    get: (socketId) => sessions.get(socketId),
    all: () => sessions.values(),
  };
}
