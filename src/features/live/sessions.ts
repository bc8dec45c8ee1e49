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
  get(socketId: string): LiveSession | undefined;
  all(): Iterable<LiveSession>;
}

interface SessionDeps {
  realtime: Realtime;
  accounts: Pick<Accounts, 'verifyToken'>;
}

export const CHECK_EVERY_MS = 30_000;

/** Which sockets are signed in, and as whom (realtime note, 1.2). */
export function createSessions({ realtime, accounts }: SessionDeps): Sessions {
  const sessions = new Map<string, LiveSession>();
  realtime.onDisconnect((socket) => sessions.delete(socket.id));

  async function principalOf(auth: unknown) {
    const token = isObject(auth) ? auth.token : undefined;
    if (typeof token !== 'string' || token === '') return null;
    const principal = await accounts.verifyToken(token);
    return principal && (principal.user.role === 'user' || principal.user.role === 'admin') ? principal : null;
  }

  return {
    async signIn(socket, auth) {
      const principal = await principalOf(auth);
      if (!principal) return null;
      const { user, credential } = principal;
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
      sessions.delete(socket.id);
      // A client that waits for an acknowledgement gets it first.
      setImmediate(() => socket.disconnect());
      return null;
    },
    get: (socketId) => sessions.get(socketId),
    all: () => sessions.values(),
  };
}
