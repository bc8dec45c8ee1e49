/** Who gets a message: the sockets in any of the rooms, each once. A socket's id is a room too. */
export interface Audience {
  rooms: readonly string[];
  /** Rooms (or socket ids) whose sockets are left out. */
  except?: readonly string[];
}

/** Live connections, as features use them; rooms reach over all processes. */
export interface Realtime {
  /** Sends to everybody in the audience; never throws, never waits. */
  emit(audience: Audience, event: string, payload: unknown): void;
}
