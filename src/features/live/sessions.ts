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
  /** Milliseconds on the monotonic clock. */
  seenAt: number;
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
  ofUser(userId: string): LiveSession[];
}

interface SessionDeps {
  realtime: Realtime;
  accounts: Pick<Accounts, 'verifyToken'>;
}

/** Which sockets are signed in, and as whom (realtime note, 1.2). */
export function createLiveSessions({ realtime, accounts }: SessionDeps): Sessions {
  const sessions = new Map<string, LiveSession>();
  realtime.onDisconnect((socket) => sessions.delete(socket.id));

  async function principalOf(token: unknown) {
    if (typeof token !== 'string' || token === '') return null;
    const principal = await accounts.verifyToken(token);
    return principal && (principal.user.role === 'user' || principal.user.role === 'admin') ? principal : null;
  }

  return {
    async signIn(socket, auth) {
      const principal = await principalOf(isObject(auth) ? auth.token : undefined);
      if (!principal) return null;
      const { user, credential } = principal;
      const { token, claims } = credential;
      sessions.set(socket.id, { socket, token, jti: claims.jti, userId: user.id, seenAt: performance.now() });
      await Promise.all([socket.identify({ id: user.id, name: user.name }), socket.join(`user:${user.id}`)]);
      return user;
    },
    verify: async (auth) => (await principalOf(isObject(auth) ? auth.token : undefined))?.user ?? null,
    async check(socket) {
      const session = sessions.get(socket.id);
      const principal = session && (await principalOf(session.token));
      if (principal) return principal.user;
      sessions.delete(socket.id);
      socket.disconnect();
      return null;
    },
    get: (socketId) => sessions.get(socketId),
    all: () => sessions.values(),
    ofUser: (userId) => [...sessions.values()].filter((session) => session.userId === userId),
  };
}
