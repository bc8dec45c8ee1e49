import { join } from 'node:path';
import { createContent } from './content.ts';
import { createAccess } from './features/access/index.ts';
import { anyUser, createAccounts, createThrottledWarning, isActive } from './features/accounts/index.ts';
import { type ChatsDeps, chatRoutes, createChats, createTextIndex, recheckOnEvents } from './features/chats/index.ts';
import { createCodeExecution } from './features/code-execution/index.ts';
import { configurationRoutes } from './features/configuration/index.ts';
import { createConversation, createPromptResolver } from './features/conversation/index.ts';
import { createFolders, folderRoutes } from './features/folders/index.ts';
import { channelIdsOf, createLive, markChannelRead } from './features/live/index.ts';
import { messagesRoutes } from './features/messages/index.ts';
import { createModels, groupDefaultModels, modelRoutes } from './features/models/index.ts';
import { createDispatch, createNotify, createSender, notificationRoutes } from './features/notifications/index.ts';
import { createProviders, providerRoutes, withNotedUsage } from './features/providers/index.ts';
import { createRequestLimits } from './features/request-limits/index.ts';
import { scimRoutes } from './features/scim/index.ts';
import { searchRoutes } from './features/search/index.ts';
import { createSingleSignOn } from './features/single-sign-on/index.ts';
import { createToolServers } from './features/tool-servers/index.ts';
import {
  CLIENT_VERSION,
  clientPlace,
  createClientRoutes,
  createDefaultPicture,
  explorerRoutes,
  healthRoutes,
  siteRoutes,
  staticFoldersOf,
} from './features/web-client/index.ts';
import { layFoundation } from './foundation.ts';
import { assertPublicUrl } from './kernel/egress/index.ts';
import { parseCorsOrigins } from './kernel/http/cors.ts';
import type { Door } from './kernel/http/door.ts';
import type { User } from './kernel/http/principal.ts';
import type { Route } from './kernel/http/route.ts';
import { securityHeaders } from './kernel/http/security-headers.ts';
import { createHttpServer } from './kernel/http/server.ts';
import { createRealtime } from './kernel/realtime/index.ts';
import { productName, type Settings } from './kernel/settings/index.ts';
import { createStorage } from './kernel/storage/index.ts';
import { translateError } from './main-database.ts';
import { createMedia } from './media.ts';
import { ownVersion } from './version.ts';

export interface App {
  routes: readonly Route[];
  /** Ends the start: from now on requests are answered. */
  start(): Promise<void>;
  /** Lets what runs come to an end, then closes everything in reverse order. */
  close(): Promise<void>;
}

interface AppOptions {
  env: NodeJS.ProcessEnv;
  /** What `loadSettings(env)` gave. */
  settings: Settings;
  /** Where requests come from; it may take connections already. It is closed with the rest. */
  door: Door;
}

const BODY_LIMIT = 512 * 1024 * 1024;
/** Milliseconds that requests under way get when the server is told to end. */
const CLOSE_GRACE_MS = 5_000;

/** Builds every long-lived object once: the composition root. */
export async function createApp({ env, settings, door }: AppOptions): Promise<App> {
  await using opened = new AsyncDisposableStack();
  opened.defer(() => door.close(0));
  const { log, audit, database, redis, bus, config, egress } = await layFoundation(settings, env, opened);

  const place = clientPlace(env);
  const staticFolders = staticFoldersOf(settings, place);
  const access = createAccess({ database, settings, config, bus, log });
  opened.defer(() => access.close());
  const accounts = createAccounts({
    database,
    settings,
    config,
    bus,
    log,
    access,
    events: { publish: (name, details) => events.publish(name, details) },
    audit,
    redis: redis?.commands ?? null,
    defaultImage: createDefaultPicture(staticFolders),
  });
  opened.defer(() => accounts.close());

  const cors = parseCorsOrigins(
    settings.get('CORS_ALLOW_ORIGIN').join(';'),
    settings.get('CORS_ALLOW_CUSTOM_SCHEME').join(';'),
  );
  const realtime = createRealtime({
    bus,
    log,
    cors,
    websocket: settings.get('ENABLE_WEBSOCKET_SUPPORT'),
    pingInterval: settings.get('WEBSOCKET_SERVER_PING_INTERVAL') * 1_000,
    pingTimeout: settings.get('WEBSOCKET_SERVER_PING_TIMEOUT') * 1_000,
  });
  opened.defer(() => realtime.close());
  const channelIds = async (user: User): Promise<string[]> => {
    if (user.role !== 'admin' && !(await access.permissions(user, 'features.channels'))) return [];
    return channelIdsOf(database.db, user.id, await access.groupIds(user.id));
  };
  const live = createLive({
    database,
    settings,
    log,
    bus,
    realtime,
    accounts,
    access,
    chats: {
      access: (user, id, right) => chats.access(user, id, right),
      markRead: (user, id) => chats.markRead(user, id),
    },
    channels: { channelIds, markRead: (userId, id) => markChannelRead(database.db, userId, id) },
  });
  opened.defer(() => live.close());
  const send = createSender({
    egress,
    name: () => productName(settings),
    address: () => config.get('webui.url'),
    version: CLIENT_VERSION,
  });
  const dispatch = createDispatch({
    config,
    access,
    log,
    send,
    findUser: accounts.findUser,
    isPresent: (user) => isActive(user) || realtime.socketsIn(`user:${user.id}`).length > 0,
    version: CLIENT_VERSION,
    instanceId: settings.get('INSTANCE_ID'),
  });
  const events = recheckOnEvents(dispatch, live.chats.refreshAccess);
  const singleSignOn = createSingleSignOn({
    database,
    settings,
    config,
    log,
    egress,
    access,
    accounts,
    events,
    redis: redis?.commands ?? null,
  });
  opened.defer(() => singleSignOn.close());
  const providers = createProviders({
    settings,
    config,
    egress,
    log,
    events,
    access,
    database,
    signInToken: async (user, cookie) => (await singleSignOn.tokenOf(user, cookie))?.access_token ?? null,
  });
  opened.defer(() => providers.close());
  const models = createModels({ database, settings, config, bus, access, providers: providers.providers });
  opened.defer(() => models.close());
  const toolServers = createToolServers({
    database,
    settings,
    config,
    access,
    egress,
    events,
    log,
    systemToken: async ({ user, caller }) => (await singleSignOn.tokenOf(user, caller?.cookie))?.access_token ?? null,
    client: { name: productName(settings), version: CLIENT_VERSION },
    flows: singleSignOn.flows,
    findUser: accounts.findUser,
  });
  opened.defer(() => toolServers.close());
  const storage = await createStorage(settings);
  const code = createCodeExecution({ config, egress });
  const content = createContent({
    database,
    settings,
    config,
    access,
    accounts,
    realtime,
    live,
    storage,
    toolServers,
    code,
    fetch: (url, init) => egress.request(url, init),
    events,
    log,
    findUser: accounts.findUser,
    transcribe: (user, recording, signal) => audio.transcribe(user, recording, signal),
  });
  opened.defer(() => content.close());

  const { audio, images } = createMedia({
    settings,
    config,
    egress,
    access,
    accounts,
    realtime,
    kit: providers,
    models,
    ownsChat: async (user, id) => (await chats.access(user, id, 'read')) === 'own',
    files: content.files,
    events,
    log,
  });
  const folders = createFolders({ database, access });
  const conversation = createConversation({
    database,
    settings,
    config,
    bus,
    log,
    realtime,
    access,
    models,
    providers: audit ? withNotedUsage(providers.providers, audit.modelUsed) : providers.providers,
    events,
    egress,
    live,
    toolServers,
    files: content.files,
    content: { ...content, notify: createNotify(send) },
    code,
    folders,
    findUser: accounts.findUser,
    images,
    mayWrite: (user, chat) => chats.mayWrite(user, chat),
    mayUseFolder: (user, id) => folders.allows(user, id, 'write'),
    unreadableFiles: (user, ids) => content.files.unreadable(user, [...ids]),
  });

  const index = createTextIndex({ database, log });
  opened.defer(() => index.close());
  const chatDeps: ChatsDeps = {
    database,
    index,
    settings,
    config,
    access,
    events,
    realtime,
    folders,
    runs: conversation.runs,
    refreshAccess: live.chats.refreshAccess,
    log,
  };
  const chats = createChats(chatDeps);
  accounts.beforeDelete(chats.removeOf);

  let started = false;
  const explorer = settings.get('ENV') === 'dev';
  const routes: Route[] = [];
  const client = createClientRoutes({
    place,
    staticFolders,
    cacheFolder: join(settings.dataDir, 'cache'),
    routes: () => routes,
    version: ownVersion(),
    explorer,
  });
  routes.push(
    ...healthRoutes({ started: () => started, pingDatabase: database.ping, pingRedis: redis?.ping ?? null }),
    ...accounts.routes,
    ...singleSignOn.routes,
    ...configurationRoutes({
      settings,
      config,
      version: CLIENT_VERSION,
      session: accounts.session,
      putSettings: accounts.putSettings,
      hasUsers: () => anyUser(database.db),
      groupDefaultModels: (user) => groupDefaultModels(user, access, models),
      loginProviders: singleSignOn.providers,
      onError: (error) => log.error({ err: error }, 'the client configuration is incomplete'),
      events,
      fetch: (url, init) => egress.request(url, init),
      checkUrl: (url) => assertPublicUrl(egress.guard, url),
    }),
    ...audio.routes,
    ...images.routes,
    ...live.routes,
    ...toolServers.routes,
    ...notificationRoutes({
      config,
      send,
      checkUrl: (url) => assertPublicUrl(egress.guard, url),
      updateSettings: accounts.changeSettings,
    }),
    ...modelRoutes({
      database,
      access,
      settings,
      config,
      events,
      models,
      kit: providers,
      files: content.files,
    }),
    ...messagesRoutes({ kit: providers, gate: models.gate, complete: conversation.complete }),
    ...providerRoutes({
      kit: providers,
      gate: { ...models.gate, resolvePrompt: createPromptResolver({ access, database }) },
      config,
      settings,
      events,
    }),
    ...conversation.routes,
    ...chatRoutes(chats, chatDeps),
    ...folderRoutes({
      database,
      config,
      access,
      accounts,
      events,
      files: content.files,
      folders,
      chats: chats.inFolders,
      log,
    }),
    ...searchRoutes({ database, findChats: index.find, config, access, channelIds }),
    ...scimRoutes({ database, settings, access, accounts, events }),
    ...content.routes,
    ...siteRoutes({
      place,
      name: () => productName(settings),
      address: () => config.get('webui.url'),
      deploymentId: settings.get('DEPLOYMENT_ID'),
      isWaiting: accounts.isWaiting,
      manifestUrl: settings.get('EXTERNAL_PWA_MANIFEST_URL') || null,
      fetch,
    }),
    ...(explorer
      ? explorerRoutes({ routes: () => routes, title: () => productName(settings), version: CLIENT_VERSION })
      : []),
    ...client.routes,
  );

  const server = await createHttpServer(
    {
      log,
      authenticator: audit ? audit.watch(accounts.authenticator) : accounts.authenticator,
      permissions: access.permissions,
      settled: bus.settled,
      cors,
      securityHeaders: securityHeaders((name) => settings.get(name)),
      compression: settings.get('ENABLE_COMPRESSION_MIDDLEWARE'),
      forwardedAllowIps: settings.get('FORWARDED_ALLOW_IPS'),
      bodyLimit: BODY_LIMIT,
      translateError,
      serverFactory: door.lead,
      limits: createRequestLimits(settings, {
        redis: redis?.commands ?? null,
        database,
        keyPrefix: settings.get('REDIS_KEY_PREFIX'),
        onRedisError: createThrottledWarning((error) => log.warn({ err: error }, 'Redis does not answer')),
      }),
      audit,
    },
    routes,
  );
  server.fastify.setNotFoundHandler((request, reply) => client.unmatched(request, reply));
  realtime.attach(server.fastify);
  await server.fastify.ready();
  opened.defer(async () => {
    await server.fastify.close();
    await door.close(CLOSE_GRACE_MS);
  });
  // Before the server and the sockets: clients see their replies and calls end.
  opened.defer(() => audio.close());
  opened.defer(() => conversation.close());

  const owned = opened.move();
  return {
    routes,
    async start() {
      await accounts.start();
      await content.start();
      await audio.start();
      providers.warm();
      toolServers.start();
      await conversation.start();
      started = true;
      door.open();
      index.start();
      if (door.address) log.info(`Loggia listens on ${door.address}`);
    },
    close: () => {
      started = false;
      return owned.disposeAsync();
    },
  };
}
