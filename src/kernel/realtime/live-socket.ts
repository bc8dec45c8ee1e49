import type { Socket } from 'socket.io';
import { createMessage, type Message } from './frames.ts';

/** Whom a socket belongs to, as far as other processes need it. */
export interface SocketUser {
  id: string;
  name: string;
}

/** Unsent bytes at which a socket is given up; the client connects again and loads what it missed. */
const MAX_UNSENT = 8 * 1024 * 1024;

/** What the engine takes; the frame is missing in its types. */
interface WriteOptions {
  compress: boolean;
  wsPreEncodedFrame: Buffer[];
}

interface LiveSocketHooks {
  /** Runs after rooms or user have changed; resolves when other processes were told. */
  changed(socket: LiveSocket): Promise<void>;
  /** A socket that cannot keep up is about to be dropped. */
  dropped(unsent: number): void;
}

/** A client connected to this process. */
export class LiveSocket {
  readonly id: string;
  readonly #socket: Socket;
  readonly #hooks: LiveSocketHooks;
  #user: SocketUser | null = null;
  #unsent = 0;

  constructor(socket: Socket, hooks: LiveSocketHooks) {
    this.id = socket.id;
    this.#socket = socket;
    this.#hooks = hooks;
    // The queue is handed to the transport as a whole, and only when that has sent what it got before.
    socket.conn.on('flush', () => {
      this.#unsent = 0;
    });
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  get user(): SocketUser | null {
    return this.#user;
  }

  get rooms(): ReadonlySet<string> {
    return this.#socket.rooms;
  }

  /** Whether the client came by WebSocket and, as far as the server and its proxies say, encrypted. */
  get wire(): { websocket: boolean; secure: boolean } {
    const { headers, secure } = this.#socket.handshake;
    const forwarded = String(headers['x-forwarded-proto'] ?? '').split(',')[0];
    const websocket = this.#socket.conn.transport.name === 'websocket';
    return { websocket, secure: secure || /^(?:https|wss)$/i.test(forwarded?.trim() ?? '') };
  }

  /** Says whose socket this is. */
  identify(user: SocketUser): Promise<void> {
    this.#user = user;
    return this.#hooks.changed(this);
  }

  /** Resolves when every process sends to this socket what it sends to these rooms. */
  async join(...rooms: string[]): Promise<void> {
    if (rooms.every((room) => this.#socket.rooms.has(room))) return;
    this.#socket.join(rooms);
    await this.#hooks.changed(this);
  }

  leave(...rooms: string[]): void {
    for (const room of rooms) this.#socket.leave(room);
  }

  /** Sends a message; when the client does not read what it is sent, ends the connection instead. */
  send(message: Message): void {
    const { conn } = this.#socket;
    if (this.#unsent > MAX_UNSENT) {
      if (conn.readyState === 'open') this.#drop();
      return;
    }
    this.#unsent += message.text.length;
    const options: WriteOptions = { compress: false, wsPreEncodedFrame: [message.frame] };
    conn.write(message.text, options);
  }

  emit(event: string, payload?: unknown): void {
    this.send(createMessage(event, payload));
  }

  /** Emits and hands over the arguments of the acknowledgement, if there ever is one. */
  ask(event: string, payload: unknown, answer: (args: unknown[]) => void): void {
    this.#socket.emit(event, payload, (...args: unknown[]) => answer(args));
  }

  /** The client is told that the server ended the connection. */
  disconnect(): void {
    this.#socket.disconnect(true);
  }

  #drop(): void {
    this.#hooks.dropped(this.#unsent);
    const { transport } = this.#socket.conn as unknown as { transport: { socket?: { terminate?(): void } } };
    this.#socket.conn.close(true);
    // A closing handshake would wait behind everything that is not being read.
    transport.socket?.terminate?.();
  }
}
