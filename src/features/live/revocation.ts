import { setTimeout as pause } from 'node:timers/promises';
import type { Bus } from '../../kernel/realtime/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { Access } from '../access/index.ts';
import type { Accounts } from '../accounts/index.ts';
import { CHECK_EVERY_MS, type LiveSession, type Sessions } from './sessions.ts';

interface RevocationDeps {
  log: Log;
  bus: Pick<Bus, 'onGap'>;
  sessions: Sessions;
  accounts: Pick<Accounts, 'onUserChanged' | 'onSignOut' | 'onEverybodySignedOut' | 'findUser'>;
  access: Pick<Access, 'onChanged'>;
  /** Takes a socket out of rooms its user has no right to any more. */
  leaveForbidden(session: LiveSession): Promise<void>;
  /** Milliseconds without a heartbeat after which a socket no longer counts as looking at its chats. */
  sessionTimeout: number;
}

/** Ends or narrows live connections when accounts and rights change (realtime note, 1.5). Gives the function that stops it. */
export function revokeSockets(deps: RevocationDeps): () => void {
  const { bus, sessions, accounts, access, log } = deps;
  const failed = (error: unknown): void => log.error({ err: error }, 'could not look after a live session');
  const those = (pick: (session: LiveSession) => boolean): LiveSession[] => [...sessions.all()].filter(pick);

  const stop = [
    // What was missed may have ended any of them.
    bus.onGap(() => {
      for (const session of sessions.all()) session.checkAt = 0;
      void narrow([...sessions.all()], deps).catch(failed);
    }),
    accounts.onUserChanged((userId, what) => {
      const own = those((session) => session.userId === userId);
      if (what === 'changed') void rename(own, accounts).catch(failed);
      else {
        for (const { socket } of own) {
          // With another role the page has other parts: it asks again once it is connected anew.
          if (what === 'role') socket.emit('access:updated', {});
          socket.disconnect();
        }
        sessions.callIn(userId);
      }
    }),
    accounts.onSignOut((userId, jti) => {
      for (const { socket } of those((one) => one.userId === userId && one.jti === jti)) socket.disconnect();
    }),
    accounts.onEverybodySignedOut(() => {
      for (const { socket } of [...sessions.all()]) socket.disconnect();
    }),
    access.onChanged((userIds) => {
      if (userIds === null) {
        // The defaults for everybody have changed.
        void narrow([...sessions.all()], deps)
          .then(() => renew([...sessions.all()]))
          .catch(failed);
        return;
      }
      const affected = new Set(userIds);
      for (const { socket } of those((session) => affected.has(session.userId))) {
        socket.emit('access:updated', {});
        socket.disconnect();
      }
    }),
  ];
  const timer = setInterval(() => void lookAgain(deps).catch(failed), 1_000);
  timer.unref();
  return () => {
    clearInterval(timer);
    for (const one of stop) one();
  };
}

async function rename(own: readonly LiveSession[], accounts: RevocationDeps['accounts']): Promise<void> {
  const [first] = own;
  const user = first && (await accounts.findUser(first.userId));
  if (user) for (const { socket } of own) void socket.identify({ id: user.id, name: user.name });
}

const RENEWED_AT_ONCE = 200;
const RENEW_PAUSE_MS = 20;

/** Pages look anew when they are told; not all at once, for each asks for a lot then. Answers that are being written go on. */
async function renew(sessions: readonly LiveSession[]): Promise<void> {
  for (let at = 0; at < sessions.length; at += RENEWED_AT_ONCE) {
    for (const { socket } of sessions.slice(at, at + RENEWED_AT_ONCE)) socket.emit('access:updated', {});
    await pause(RENEW_PAUSE_MS);
  }
}

async function narrow(sessions: readonly LiveSession[], { leaveForbidden }: RevocationDeps): Promise<void> {
  for (const session of sessions) await leaveForbidden(session);
}

/** Sessions end by time too, and by programs that tell nobody. */
async function lookAgain({ sessions, sessionTimeout }: RevocationDeps): Promise<void> {
  const now = performance.now();
  for (const session of [...sessions.all()]) {
    if (session.checkAt > now) continue;
    session.checkAt = now + CHECK_EVERY_MS;
    if (now - session.seenAt > sessionTimeout) leaveChats(session);
    await sessions.check(session.socket);
  }
}

function leaveChats({ socket }: LiveSession): void {
  socket.leave(...[...socket.rooms].filter((room) => room.startsWith('chat:')));
}
