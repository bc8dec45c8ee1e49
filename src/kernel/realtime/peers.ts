import { isObject } from '../json.ts';
import type { Bus } from './bus.ts';
import type { SocketUser } from './live-socket.ts';

/** A socket of some process, with the rooms it is in; its id is one of them. */
export interface PeerSocket {
  id: string;
  user: SocketUser | null;
  rooms: ReadonlySet<string>;
}

/** What other processes' sockets there are, and in which rooms: kept up to date by messages. */
export interface Peers {
  /** A socket of this process has come, or its rooms or user have changed. */
  note(socket: PeerSocket): void;
  gone(socketId: string): void;
  /** Resolves when all others know what was noted until now; a process that does not answer is not waited for long. */
  told(): Promise<void>;
  /** Processes with sockets in any of these rooms; a socket's id is a room too. */
  processesWith(rooms: readonly string[]): ReadonlySet<string>;
  socketsIn(room: string): Iterable<PeerSocket>;
  /** The process that has a socket. */
  processOf(socketId: string): string | undefined;
  /** Every process known. */
  ids(): Iterable<string>;
  onLost(listener: (processId: string) => void): void;
  close(): void;
}

interface PeerDeps {
  bus: Bus;
  own(): Iterable<PeerSocket>;
  onRoomChange(room: string): void;
}

interface Peer {
  sockets: Map<string, PeerSocket>;
  /** Of the last change that was applied. */
  number: number;
  heardAt: number;
  /** False until its sockets have been told; what comes before that is in `early`. */
  complete: boolean;
  early: Changes[];
  askedAt: number;
}

/** `[socket id, user, rooms]`, or `[socket id]` for one that has gone. */
type Entry = [id: string, user: SocketUser | null, rooms: string[]] | [id: string];

interface Changes {
  number: number;
  entries: Entry[];
  /** Whether the sender waits for being heard. */
  confirm: boolean;
}

const CHANGES = 'peers:changes';
const ASK = 'peers:ask';
const SOCKETS = 'peers:sockets';
const BYE = 'peers:bye';
const SEEN = 'peers:seen';
const ALIVE_EVERY_MS = 10_000;
const SILENT_MS = 35_000;
const CONFIRM_MS = 500;
const ASK_EVERY_MS = 2_000;
const SOCKETS_PER_MESSAGE = 500;
const MAX_EARLY = 10_000;

/**
 * Each process tells the others what changes among its sockets, numbered; who misses a number asks for all. So a message to a
 * room goes only to processes that have somebody there, and "who is here" needs no question.
 */
export function createPeers({ bus, own, onRoomChange }: PeerDeps): Peers {
  const peers = new Map<string, Peer>();
  const rooms = new Map<string, Map<string, Set<PeerSocket>>>();
  const lostListeners: ((processId: string) => void)[] = [];
  let number = 0;
  let waiting = new Map<string, Entry>();
  const confirmations = createConfirmations();
  let awaited = false;

  function place(peerId: string, peer: Peer, [id, user = null, joined]: Entry): void {
    const before = peer.sockets.get(id);
    const next = joined ? { id, user, rooms: new Set(joined) } : null;
    if (next) peer.sockets.set(id, next);
    else peer.sockets.delete(id);
    for (const room of new Set([...(before?.rooms ?? []), ...(next?.rooms ?? [])])) {
      const processes = rooms.get(room) ?? new Map<string, Set<PeerSocket>>();
      const members = processes.get(peerId) ?? new Set<PeerSocket>();
      if (before) members.delete(before);
      if (next?.rooms.has(room)) members.add(next);
      if (members.size > 0) rooms.set(room, processes.set(peerId, members));
      else if (processes.delete(peerId) && processes.size === 0) rooms.delete(room);
    }
    // Listeners may send to any of the rooms.
    for (const room of difference(before?.rooms, next?.rooms)) if (room !== id) onRoomChange(room);
  }
  function forget(peerId: string): void {
    const peer = peers.get(peerId);
    if (!peer) return;
    for (const id of [...peer.sockets.keys()]) place(peerId, peer, [id]);
    peers.delete(peerId);
    confirmations.seen(peerId, number);
    for (const listener of lostListeners) listener(peerId);
  }
  function heard(peerId: string): Peer {
    const known = peers.get(peerId);
    const now = performance.now();
    if (known) {
      known.heardAt = now;
      return known;
    }
    const peer = {
      sockets: new Map(),
      number: 0,
      heardAt: now,
      complete: false,
      early: [],
      askedAt: Number.NEGATIVE_INFINITY,
    };
    peers.set(peerId, peer);
    return peer;
  }
  function ask(peerId: string, peer: Peer): void {
    peer.complete = false;
    const now = performance.now();
    if (now - peer.askedAt < ASK_EVERY_MS) return;
    peer.askedAt = now;
    bus.send(peerId, ASK, null);
  }
  function apply(peerId: string, peer: Peer, changes: Changes): void {
    if (changes.number > peer.number + 1) {
      ask(peerId, peer);
      return;
    }
    if (changes.number === peer.number + 1) {
      peer.number = changes.number;
      for (const entry of changes.entries) place(peerId, peer, entry);
    }
    if (changes.confirm) bus.send(peerId, SEEN, changes.number);
  }
  function tellAll(to: string): void {
    publish();
    const all = [...own()].map(entryOf);
    for (let at = 0; at === 0 || at < all.length; at += SOCKETS_PER_MESSAGE) {
      const last = at + SOCKETS_PER_MESSAGE >= all.length;
      bus.send(to, SOCKETS, { number, first: at === 0, last, entries: all.slice(at, at + SOCKETS_PER_MESSAGE) });
    }
  }
  function publish(): void {
    if (waiting.size === 0) return;
    number += 1;
    bus.publish(CHANGES, { number, entries: [...waiting.values()], confirm: awaited });
    awaited = false;
    waiting = new Map();
  }
  function change(entry: Entry): void {
    // What changes several times in one turn is told once.
    if (waiting.size === 0) queueMicrotask(publish);
    waiting.set(entry[0], entry);
  }

  const stop = [
    bus.subscribe(CHANGES, (message, from) => {
      const changes = readChanges(message);
      if (!changes) return;
      const peer = heard(from);
      if (!peer.complete) {
        if (peer.early.length < MAX_EARLY) peer.early.push(changes);
        return ask(from, peer);
      }
      // Without entries it is a sign of life, and carries the number of the last change.
      if (changes.entries.length > 0) apply(from, peer, changes);
      else if (changes.number !== peer.number) ask(from, peer);
    }),
    bus.subscribe(ASK, (_message, from) => {
      tellAll(from);
      const peer = heard(from);
      if (!peer.complete) ask(from, peer);
    }),
    bus.subscribe(SOCKETS, (message, from) => {
      const changes = readChanges(message);
      if (!changes || !isObject(message)) return;
      const peer = heard(from);
      if (peer.complete && changes.number <= peer.number) return;
      if (message.first === true) {
        const told = new Set(changes.entries.map(([id]) => id));
        if (message.last !== true) told.clear();
        for (const id of [...peer.sockets.keys()]) if (!told.has(id)) place(from, peer, [id]);
        peer.number = changes.number;
        peer.complete = false;
      }
      for (const entry of changes.entries) place(from, peer, entry);
      if (message.last !== true) return;
      peer.complete = true;
      bus.send(from, SEEN, peer.number);
      const early = peer.early.splice(0);
      for (const one of early) if (one.entries.length > 0 && peer.complete) apply(from, peer, one);
    }),
    bus.subscribe(SEEN, (message, from) => confirmations.seen(from, Number(message))),
    bus.subscribe(BYE, (_message, from) => forget(from)),
    bus.onGap(() => bus.publish(ASK, null)),
  ];
  const timer = setInterval(() => {
    bus.publish(CHANGES, { number, entries: [] });
    const silent = performance.now() - SILENT_MS;
    for (const [id, peer] of peers) if (peer.heardAt < silent) forget(id);
  }, ALIVE_EVERY_MS);
  timer.unref();
  bus.publish(ASK, null);

  return {
    note: (socket) => change(entryOf(socket)),
    gone: (socketId) => change([socketId]),
    told() {
      if (waiting.size === 0 || peers.size === 0) return Promise.resolve();
      awaited = true;
      return confirmations.wait(number + 1, peers.keys());
    },
    processesWith(names) {
      const found = new Set<string>();
      for (const room of names) {
        for (const id of rooms.get(room)?.keys() ?? []) found.add(id);
      }
      return found;
    },
    *socketsIn(room) {
      for (const members of rooms.get(room)?.values() ?? []) yield* members;
    },
    processOf(socketId) {
      const [id] = rooms.get(socketId)?.keys() ?? [];
      return id;
    },
    ids: () => peers.keys(),
    onLost: (listener) => void lostListeners.push(listener),
    close() {
      clearInterval(timer);
      for (const one of stop) one();
      bus.publish(BYE, null);
    },
  };
}

/** What is in one of them only. */
function difference(one: ReadonlySet<string> = new Set(), other: ReadonlySet<string> = new Set()): Set<string> {
  return one.symmetricDifference(other);
}

/** Who has yet to see which change. */
function createConfirmations() {
  const open = new Set<{ number: number; missing: Set<string>; done: () => void }>();
  return {
    wait(number: number, peerIds: Iterable<string>): Promise<void> {
      return new Promise((resolve) => {
        const one = {
          number,
          missing: new Set(peerIds),
          done(): void {
            clearTimeout(timer);
            open.delete(one);
            resolve();
          },
        };
        const timer = setTimeout(one.done, CONFIRM_MS);
        open.add(one);
      });
    },
    seen(peerId: string, number: number): void {
      for (const one of open) {
        if (one.number <= number && one.missing.delete(peerId) && one.missing.size === 0) one.done();
      }
    },
  };
}

function entryOf({ id, user, rooms }: PeerSocket): Entry {
  return [id, user, [...rooms]];
}

function readChanges(message: unknown): Changes | null {
  if (!isObject(message) || typeof message.number !== 'number' || !Array.isArray(message.entries)) return null;
  const { number, entries, confirm } = message;
  return { number, entries: entries as Entry[], confirm: confirm === true };
}
