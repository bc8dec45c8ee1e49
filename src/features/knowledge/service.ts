import { createBaseFiles } from './base-files.ts';
import { createBases } from './bases.ts';
import { createContext, type KnowledgeDeps } from './context.ts';
import { createDirectories } from './directories.ts';
import { createFolderSync } from './sync.ts';

export type Knowledge = ReturnType<typeof createKnowledge>;

/** Rules of knowledge bases (retrieval note, 3). Their texts are searched once there is an index; the links are here. */
export function createKnowledge(deps: KnowledgeDeps) {
  const context = createContext(deps);
  return {
    allows: context.allows,
    ...createBases(context),
    ...createBaseFiles(context),
    ...createDirectories(context),
    ...createFolderSync(context),
  };
}
