import type { Database } from '../../kernel/database/index.ts';
import type { Egress } from '../../kernel/egress/index.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { Route } from '../../kernel/http/route.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { Bus, Realtime } from '../../kernel/realtime/index.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { Access } from '../access/index.ts';
import type { ChatHead, ChatRuns } from '../chats/index.ts';
import type { CodeExecution } from '../code-execution/index.ts';
import type { EventSink } from '../configuration/index.ts';
import type { Files } from '../files/index.ts';
import type { Folders } from '../folders/index.ts';
import type { Images } from '../images/index.ts';
import type { Models } from '../models/index.ts';
import type { Caller, Providers, Relay } from '../providers/index.ts';
import type { ToolServers } from '../tool-servers/index.ts';
import { type Agents, agentTools, createAgents } from './agents/index.ts';
import { type Resumed, startResumed } from './approval/resume.ts';
import { resolveRoutes } from './approval/routes.ts';
import { animationTool } from './builtin-tools/animation.ts';
import { approvalStep } from './builtin-tools/approval.ts';
import { codeBlocksStep } from './builtin-tools/code-blocks.ts';
import { imageTools } from './builtin-tools/images.ts';
import { builtinTools, type ToolContent } from './builtin-tools/index.ts';
import { createCompaction } from './compaction/compaction.ts';
import { type Tabs, withDirectModels } from './direct/direct-models.ts';
import { imageStep } from './image-generation/step.ts';
import { legacyToolsStep } from './legacy-tools/step.ts';
import { createImageSource } from './prepare/image-source.ts';
import { createPrepare, promptContext } from './prepare/index.ts';
import { voiceStep } from './prepare/voice.ts';
import { completionRoutes } from './routes.ts';
import { createAudiences } from './run/audience.ts';
import { createRunControl } from './run/control.ts';
import { createJournal } from './run/journal.ts';
import { createKeeper } from './run/keep-pictures.ts';
import { createPacer } from './run/pacer.ts';
import { createProcesses } from './run/processes.ts';
import { closeOrphans, closeUnfinished } from './run/recovery.ts';
import { createRegistry } from './run/registry.ts';
import { createRuns } from './run/runs.ts';
import { stopRoutes } from './run/stop-routes.ts';
import { createServed } from './served/index.ts';
import { directToolsStep } from './server-tools/direct.ts';
import { serverToolsStep } from './server-tools/step.ts';
import { createFileTexts } from './sources/file-texts.ts';
import { sourceStep } from './sources/step.ts';
import { createTasks } from './tasks/index.ts';
import { toolSearchStep } from './tool-search/step.ts';
import { readChatRequest } from './turn/request.ts';
import { startTurn, type TurnsDeps } from './turn/start.ts';

export { createPromptResolver } from './prepare/prompt-resolver.ts';

export interface ConversationDeps {
  database: Database;
  settings: Settings;
  config: Config;
  bus: Bus;
  log: Log;
  realtime: Realtime;
  access: Pick<Access, 'permissions' | 'groupIds'>;
  models: Models;
  providers: Providers;
  events: EventSink;
  egress: Pick<Egress, 'request'>;
  files: Pick<Files, 'content' | 'text' | 'keep'>;
  folders: Pick<Folders, 'find' | 'allows'>;
  images: Omit<Images, 'routes'>;
  /** Python for models. */
  code: CodeExecution;
  /** What people keep beside chats, for the server's own tools. */
  content: ToolContent;
  /** The tabs of users, for models whose connections they hold. */
  live: Tabs;
  findUser(id: string): Promise<User | null>;
  toolServers: Pick<ToolServers, 'open'>;
  /** Whether the user may write in the chat now. */
  mayWrite(user: User, chat: ChatHead): Promise<boolean>;
  /** Whether the user may put chats into the folder. */
  mayUseFolder(user: User, folderId: string): Promise<boolean>;
  /** Those of these files that the user may not use. */
  unreadableFiles(user: User, fileIds: readonly string[]): Promise<readonly string[]>;
}

/** Conversations: questions in, replies written, stored and told. */
export interface Conversation {
  routes: Route[];
  /** A completion for an API client, whole or as the provider's stream, for answers in another protocol. */
  complete(asked: { user: User; body: JsonObject; caller: Caller; signal: AbortSignal }): Promise<JsonObject | Relay>;
  /** What the chat routes ask of running replies. */
  runs: ChatRuns;
  /** Registers this process and ends what dead ones have left. Call it before requests are taken. */
  start(): Promise<void>;
  /** Finishes or stores what runs. */
  close(): Promise<void>;
}

export function createConversation(deps: ConversationDeps): Conversation {
  const { database, settings, config, log, realtime, bus, events } = deps;
  const giveUp = new AbortController();
  const providers = withDirectModels(deps.providers, deps.live);
  const tasks = createTasks({
    database,
    config,
    events,
    log,
    access: deps.access,
    models: deps.models,
    providers,
  });
  const compaction = createCompaction({ database, config, log, models: deps.models, caller: tasks.caller });
  const keepFor = createKeeper({ files: deps.files, log });
  const blockedModules = settings.get('CODE_INTERPRETER_BLOCKED_MODULES');
  const code = { code: deps.code, keepFor, blockedModules };
  const images = createImageSource({ files: deps.files, egress: deps.egress, config, log });
  const prepare = createPrepare({
    database,
    config,
    access: deps.access,
    models: deps.models,
    folders: deps.folders,
    images,
    extensions: [
      compaction.step,
      voiceStep(config, ({ turn }) => promptContext(turn, { access: deps.access, database })),
      codeBlocksStep({ ...code, config, access: deps.access, tabs: deps.live }),
      imageStep({ database, config, log, images: deps.images, caller: tasks.caller }),
      serverToolsStep({ toolServers: deps.toolServers, tabs: deps.live }),
      directToolsStep({ settings, config, access: deps.access, tabs: deps.live }),
      builtinTools({
        database,
        config,
        access: deps.access,
        tabs: deps.live,
        content: deps.content,
        code,
      }),
      imageTools(deps.images),
      animationTool({ access: deps.access, tabs: deps.live }),
      agentTools(() => agents.tools),
      approvalStep(deps.live),
      toolSearchStep(config),
      legacyToolsStep({ caller: tasks.caller, log, keepFor }),
      sourceStep({
        config,
        log,
        caller: tasks.caller,
        find: createFileTexts({ files: deps.files, config }),
        inSystem: settings.get('RAG_SYSTEM_CONTEXT'),
        metadataKeys: settings.get('RAG_SOURCE_METADATA_KEYS'),
      }),
    ],
  });
  const served = createServed({ prepare, providers, log });
  const processes = createProcesses({ database, log });
  const journal = createJournal({ database, log });
  const registry = createRegistry();
  const control = createRunControl({ database, bus, registry, processes });
  const runs = createRuns({
    audiences: createAudiences(realtime),
    pacer: createPacer(),
    journal,
    registry,
    log,
    earlyTitle: tasks.earlyTitle,
    idle: (chatId) => agents.idle(chatId),
    runner: {
      database,
      log,
      events,
      providers,
      maxToolRounds: settings.get('CHAT_RESPONSE_MAX_TOOL_CALL_ITERATIONS'),
      keepFor,
      images,
      shorten: compaction.betweenRounds,
      prepare,
      afterwards: tasks.afterReply,
      chatUrl: (chatId) => `${(config.get('webui.url') ?? '').replace(/\/+$/, '')}/c/${chatId}`,
      giveUp: giveUp.signal,
    },
  });
  let sweep: Promise<void> = Promise.resolve();
  const adminSees = settings.get('ENABLE_ADMIN_CHAT_ACCESS');
  const turns: TurnsDeps = {
    database,
    config,
    events,
    log,
    realtime,
    models: deps.models,
    deltaChunkSize: settings.get('CHAT_RESPONSE_STREAM_DELTA_CHUNK_SIZE'),
    processId: processes.id,
    mayWrite: deps.mayWrite,
    mayUseFolder: deps.mayUseFolder,
    permissions: (user, permission) => deps.access.permissions(user, permission),
    unreadableFiles: deps.unreadableFiles,
    wasWritten: (userId, chatId) => agents.happened(userId, chatId, 'chat.user_message'),
  };
  async function goOn(resumed: Resumed, userId: string): Promise<void> {
    const user = await deps.findUser(userId);
    if (user) await startResumed(resumes, user, resumed);
  }
  const agents: Agents = createAgents({
    database,
    config,
    log,
    realtime,
    turns,
    runs,
    control,
    interval: settings.get('TIMER_POLL_INTERVAL'),
    findUser: deps.findUser,
    unreadableFiles: deps.unreadableFiles,
  });
  const resumes = { database, config, turns, runs };
  return {
    routes: [
      ...completionRoutes({
        turns,
        runs,
        serve: (turn, reply, caller) => served.answer(turn, reply, caller),
        models: deps.models,
        database,
        adminSees,
      }),
      ...tasks.routes,
      ...resolveRoutes({ ...resumes, realtime, mayWrite: deps.mayWrite }),
      ...stopRoutes({ database, control, realtime, mayWrite: deps.mayWrite, adminSees }),
    ],
    async complete({ user, body, caller, signal }) {
      const who = { user, userAgent: caller.userAgent ?? null, internal: false, request: caller };
      const started = await startTurn(turns, who, readChatRequest(apiBody(body)));
      if (started.mode !== 'served') throw new HttpError(400, 'Expected a request without a chat');
      return served.open({ ...started.turn, signal }, caller);
    },
    runs: {
      compact: compaction.compact,
      live: control.live,
      active: control.active,
      wasRead: (userId, chatId) => agents.happened(userId, chatId, 'chat.read'),
      tell(chatId, messageId, event) {
        const found = registry.inChat(chatId).find(({ run }) => run.turn.replyId === messageId && !run.isStored);
        found?.run.emit(event);
        return found !== undefined;
      },
      async stop(chatId) {
        const found = await control.inChat(chatId);
        await Promise.all(found.map(({ taskId }) => control.stop(taskId)));
      },
    },
    async start() {
      const recovery = { database, log, realtime, processId: processes.id, goOn };
      await processes.start((alive) => closeOrphans(recovery, alive));
      agents.start();
      // Nobody waits for these: they have been unfinished since an earlier release.
      sweep = closeUnfinished({ database, log }, giveUp.signal).catch((error: unknown) => {
        log.error({ err: error }, 'unfinished replies could not be looked for');
      });
    },
    async close() {
      await agents.close();
      // Where another process serves, nobody waits for this one to come back: replies may go on to their end.
      const grace = settings.get('SHUTDOWN_GRACE');
      await runs.close(1_000 * ((await processes.hasOthers()) ? grace : Math.min(grace, GRACE_ALONE)));
      giveUp.abort();
      await sweep;
      await journal.close();
      control.close();
      await processes.close();
    },
  };
}

/** Seconds replies may go on when the only process is told to end: until it is back nobody is served. */
const GRACE_ALONE = 4;

/** What makes a request part of a chat is left out. */
function apiBody({
  chat_id: _chat,
  session_id: _session,
  id: _id,
  message_ids: _ids,
  parent_id: _parent,
  ...body
}: JsonObject) {
  return { ...body, automation_id: null };
}
