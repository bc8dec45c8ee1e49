export { listPaths, readPath, searchMemories } from './lookup.ts';
export { cleanPath } from './paths.ts';
export { memoryRoutes } from './routes.ts';
export { createMemories, type Memories } from './service.ts';
export type { MemoryOperation } from './shapes.ts';
