export { createFolders, type Folders, type FoldersDeps } from './folders.ts';
export type { FolderChats, FolderFiles, SharedPage } from './ports.ts';
export { type FolderRoutesDeps, folderRoutes } from './routes.ts';
export type { Folder, FolderNode } from './store.ts';
export { rollUp, withDescendants } from './tree.ts';
