import type { Access } from './features/access/index.ts';
import type { Accounts } from './features/accounts/index.ts';
import { analyticsRoutes } from './features/analytics/index.ts';
import { automationRoutes } from './features/automations/index.ts';
import { type Calendars, calendarRoutes, createCalendars } from './features/calendars/index.ts';
import { type ChannelLookup, channelRoutes, createChannelLookup, createChannels } from './features/channels/index.ts';
import type { CodeExecution } from './features/code-execution/index.ts';
import type { EventSink } from './features/configuration/index.ts';
import { evaluationRoutes } from './features/evaluations/index.ts';
import { createFiles, type Files, type Transcribe } from './features/files/index.ts';
import { createKnowledgeBases, type KnowledgeBases } from './features/knowledge/index.ts';
import type { Live } from './features/live/index.ts';
import { createMemories, type Memories, memoryRoutes } from './features/memories/index.ts';
import { createDocuments, createNotes, handleNoteSockets, type Notes, noteRoutes } from './features/notes/index.ts';
import { type PipelinesDeps, pipelineRoutes } from './features/pipelines/index.ts';
import { pluginRoutes } from './features/plugins/index.ts';
import { promptRoutes } from './features/prompts/index.ts';
import { skillRoutes } from './features/skills/index.ts';
import type { ToolServers } from './features/tool-servers/index.ts';
import { usageRoutes } from './features/usage/index.ts';
import { utilityRoutes } from './features/utilities/index.ts';
import type { Database } from './kernel/database/index.ts';
import type { User } from './kernel/http/principal.ts';
import type { Route } from './kernel/http/route.ts';
import type { Realtime } from './kernel/realtime/index.ts';
import type { Config, Settings } from './kernel/settings/index.ts';
import type { Storage } from './kernel/storage/index.ts';
import type { Log } from './kernel/telemetry/log.ts';

interface ContentDeps {
  database: Database;
  settings: Settings;
  config: Config;
  access: Access;
  realtime: Realtime;
  live: Live;
  accounts: Accounts;
  storage: Storage;
  toolServers: ToolServers;
  fetch: PipelinesDeps['fetch'];
  code: CodeExecution;
  findUser(id: string): Promise<User | null>;
  transcribe: Transcribe;
  events: EventSink;
  log: Log;
}

interface Content {
  routes: Route[];
  files: Files;
  notes: Notes;
  memories: Memories;
  channels: ChannelLookup;
  calendars: Calendars;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Part of the composition root: the features that keep what people make beside chats. */
export function createContent(deps: ContentDeps): Content {
  let knowledge: KnowledgeBases | null = null;
  const files = createFiles({
    ...deps,
    attach: async (user, file, metadata) => knowledge?.attach(user, file, metadata),
  });
  knowledge = createKnowledgeBases({ ...deps, files });
  const documents = createDocuments(deps.database);
  const notes = createNotes({ ...deps, files, documents });
  const writing = handleNoteSockets({ ...deps, notes, documents });
  return {
    routes: [
      ...files.routes,
      ...knowledge.routes,
      ...memoryRoutes(deps),
      ...calendarRoutes(deps),
      ...channelRoutes(deps),
      ...automationRoutes(deps),
      ...usageRoutes(deps),
      ...(deps.settings.get('ENABLE_ADMIN_ANALYTICS') ? analyticsRoutes(deps) : []),
      ...noteRoutes({ ...deps, notes }),
      ...promptRoutes(deps),
      ...pluginRoutes(deps),
      ...skillRoutes(deps),
      ...pipelineRoutes(deps),
      ...utilityRoutes(deps),
      ...evaluationRoutes(deps),
    ],
    files,
    notes,
    memories: createMemories(deps),
    calendars: createCalendars(deps),
    channels: createChannelLookup(deps.database.db, createChannels(deps)),
    start: () => files.start(),
    async close() {
      await writing.close();
      await files.close();
    },
  };
}
