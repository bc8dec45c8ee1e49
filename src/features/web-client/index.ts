export { createClientRoutes } from './client-routes.ts';
export { explorerRoutes } from './explorer-routes.ts';
export { healthRoutes } from './health-routes.ts';
export { installClient } from './install.ts';
export { CLIENT_VERSION, clientPlace, isInstalled } from './place.ts';
export { siteRoutes } from './site-routes.ts';
export { createDefaultPicture, staticFoldersOf } from './static-files.ts';
