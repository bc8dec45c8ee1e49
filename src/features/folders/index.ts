export { createFolders, type Folders } from './folders.ts';
export type { FolderChats, SharedPage } from './ports.ts';
export { folderRoutes } from './routes.ts';
export { withDescendants } from './tree.ts';
