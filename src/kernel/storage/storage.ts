import type { Readable } from 'node:stream';
import type { FoundFile } from '../http/file-answer.ts';

/** What became of an upload. */
export interface Stored {
  /** Goes into `file.path`; only this storage reads it. */
  path: string;
  bytes: number;
  /** SHA-256 of the bytes, hex. */
  sha256: string;
}

/** Thrown by `put` when the stream is longer than allowed. Nothing is kept. */
export class TooLargeError extends Error {}

/** Thrown by `put` when the stream is empty. Nothing is kept. */
export class EmptyError extends Error {}

/** Where uploaded bytes are kept (retrieval note, 1). */
export interface Storage {
  /**
   * Keeps a stream under `{id}_{name}`; it is there as a whole or not at all. `name` is a plain file name.
   * Throws TooLargeError, EmptyError, and what the disk says.
   */
  put(id: string, name: string, stream: Readable, maxBytes: number): Promise<Stored>;
  /** The bytes as a local file; null when they are gone. */
  find(path: string): Promise<FoundFile | null>;
  /** What is gone already is no error. */
  delete(path: string): Promise<void>;
  deleteAll(): Promise<void>;
}
