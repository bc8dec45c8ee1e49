import type { RowOf, Table } from '../columns.ts';
import type { tables as runTables } from '../migrations/001-runs-and-revocation.ts';
import type { tables as documentTables } from '../migrations/002-documents.ts';
import type { tables as signInTables } from '../migrations/003-single-sign-on.ts';
import type { tables as apiKeyTables } from '../migrations/004-named-api-keys.ts';
import type { tables as internalWorkTables } from '../migrations/005-internal-work.ts';
import type { tables as rateLimitTables } from '../migrations/006-rate-limits.ts';
import type { tables as identityTables } from '../migrations/009-identities.ts';
import * as chats from './chats.ts';
import * as content from './content.ts';
import * as identity from './identity.ts';
import * as plugins from './plugins.ts';

/** The 48 tables of release 0.12.4. */
export const schema = {
  user: identity.user,
  auth: identity.auth,
  api_key: identity.api_key,
  oauth_session: identity.oauth_session,
  group: identity.group,
  group_member: identity.group_member,
  access_grant: identity.access_grant,
  config: identity.config,
  config_old: identity.config_old,
  app: identity.app,
  alembic_version: identity.alembic_version,
  chat: chats.chat,
  chat_message: chats.chat_message,
  chat_file: chats.chat_file,
  shared_chat: chats.shared_chat,
  chatidtag: chats.chatidtag,
  tag: chats.tag,
  folder: chats.folder,
  file: chats.file,
  feedback: chats.feedback,
  memory: chats.memory,
  knowledge: content.knowledge,
  knowledge_file: content.knowledge_file,
  knowledge_directory: content.knowledge_directory,
  document: content.document,
  note: content.note,
  pinned_note: content.pinned_note,
  channel: content.channel,
  channel_member: content.channel_member,
  channel_file: content.channel_file,
  channel_webhook: content.channel_webhook,
  message: content.message,
  message_reaction: content.message_reaction,
  calendar: content.calendar,
  calendar_event: content.calendar_event,
  calendar_event_attendee: content.calendar_event_attendee,
  automation: content.automation,
  automation_run: content.automation_run,
  model: plugins.model,
  model_history: plugins.model_history,
  prompt: plugins.prompt,
  prompt_history: plugins.prompt_history,
  tool: plugins.tool,
  tool_history: plugins.tool_history,
  function: plugins.functionTable,
  function_history: plugins.function_history,
  skill: plugins.skill,
  skill_history: plugins.skill_history,
} satisfies Record<string, Table>;

type RowsOf<S> = { [K in keyof S]: RowOf<S[K]> };

/** Every table Kysely may name: those of the reference and Loggia's own. */
export type Tables = RowsOf<typeof schema> &
  RowsOf<typeof runTables> &
  RowsOf<typeof documentTables> &
  RowsOf<typeof signInTables> &
  RowsOf<typeof apiKeyTables> &
  RowsOf<typeof rateLimitTables> &
  RowsOf<typeof internalWorkTables> &
  RowsOf<typeof identityTables>;
export type TableName = keyof Tables & string;
