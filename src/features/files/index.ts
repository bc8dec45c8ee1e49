import type { User } from '../../kernel/http/principal.ts';
import type { Route } from '../../kernel/http/route.ts';
import { fileRoutes } from './routes.ts';
import { createFileService, type FilesDeps, type OwnFile } from './service.ts';

export { presentListed as presentFileResponse, presentStoredMeta as presentFileMeta } from './present.ts';
export type { Transcribe } from './reading.ts';
export type { FilesDeps } from './service.ts';
export { findFile } from './store.ts';

/** Uploaded files, for the features that attach them. */
export interface Files {
  routes: Route[];
  /** Of these ids, those the user may not read; ids without a file are among them. */
  unreadable(user: User, ids: readonly string[]): Promise<string[]>;
  /** Type and bytes of a file the user may read; null when there is none, or it is longer than `maxBytes`. */
  content(user: User, id: string, maxBytes: number): Promise<{ type: string; bytes: Buffer } | null>;
  /** Keeps bytes that a tool or a model made for a user, as a file of theirs. */
  keep(user: User, file: OwnFile): Promise<{ id: string }>;
  /** Corrects the media type a file is served with. */
  setType(id: string, type: string): Promise<void>;
  /** Removes a file with its bytes; one that is gone already is no error. Whether the caller may is not looked at. */
  discard(id: string): Promise<void>;
  /** Name and text of a file the user may read; null when there is none, or no text was read from it. */
  text(user: User, id: string): Promise<{ name: string; text: string } | null>;
  /** Goes on reading what an earlier process left unread. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export function createFiles(deps: FilesDeps): Files {
  const service = createFileService(deps);
  return {
    routes: fileRoutes(deps, service),
    unreadable: (user, ids) => service.unreadable(user, ids),
    content: service.content,
    keep: (user, file) => service.keepBytes(user, file),
    setType: service.setType,
    discard: (id) => service.discard(id),
    text: service.text,
    start: service.resume,
    close: service.close,
  };
}
