import { sql } from 'kysely';
import { type Database, type Db, dialectOfDb, json } from '../../kernel/database/index.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';

type JsonMember = 'settings' | 'info' | 'variables';

/** Changes one JSON member of a user with its row locked, so that two tabs do not undo each other. */
export function updateUserJson(
  database: Pick<Database, 'transaction'>,
  userId: string,
  member: JsonMember,
  change: (stored: unknown) => JsonObject,
): Promise<JsonObject | null> {
  return database.transaction(async (tx) => {
    const stored = await lockedMember(tx, userId, member);
    if (!stored) return null;
    const value = change(stored.value);
    await tx
      .updateTable('user')
      .set({ [member]: json(value) })
      .where('id', '=', userId)
      .execute();
    return value;
  });
}

/** Keeps other transactions from changing the user until this one ends. */
export async function lockUser(tx: Db, userId: string): Promise<void> {
  if (dialectOfDb(tx) === 'sqlite') return;
  await tx.selectFrom('user').select('id').where('id', '=', userId).modifyEnd(sql`FOR UPDATE`).execute();
}

async function lockedMember(tx: Db, userId: string, member: JsonMember): Promise<{ value: unknown } | null> {
  let query = tx.selectFrom('user').select(['settings', 'info', 'variables']).where('id', '=', userId);
  if (dialectOfDb(tx) !== 'sqlite') query = query.modifyEnd(sql`FOR UPDATE`);
  const row = await query.executeTakeFirst();
  return row ? { value: row[member] } : null;
}

/** Members of `ui` that the interface panel writes; they need permission `settings.interface`. */
const INTERFACE_PANEL = new Set(
  `autoTags autoFollowUps highContrastMode detectArtifacts responseAutoCopy showUsername showUpdateToast showChangelog
  showEmojiInCall voiceInterruption displayMultiModelResponsesInTabs chatFadeStreamingText richTextInput
  showFormattingToolbar insertPromptAsRichText promptAutocomplete insertSuggestionPrompt keepFollowUpPrompts
  insertFollowUpPrompt regenerateMenu enableMessageQueue largeTextAsFile copyFormatted collapseCodeBlocks
  renderMarkdownInUserMessages renderMarkdownInAssistantMessages expandDetails chatHoverPreview renderMarkdownInPreviews
  chatBubble widescreenMode splitLargeChunks scrollOnBranchChange scrollOnResponseGeneration showFilesOnTerminalSelect
  temporaryChatByDefault userLocation showChatTitleInTab iframeSandboxAllowScripts iframeSandboxAllowSameOrigin
  iframeSandboxAllowForms iframeSandboxAllowDownloads terminalPreviewAllowSameOrigin stylizedPdfExport hapticFeedback
  ctrlEnterToSend showFloatingActionButtons imageCompression imageCompressionInChannels landingPageMode chatDirection
  terminalFileDisplay defaultUploadContext webSearch models backgroundImageUrl fontFamily textScale title
  imageCompressionSize floatingActionButtons`.split(/\s+/),
);

type Permissions = (user: User, permission: string) => boolean | Promise<boolean>;

/** What of a settings update the user may change (identity note, 11.2). */
export async function permittedSettings(permissions: Permissions, user: User, given: JsonObject): Promise<JsonObject> {
  if (user.role === 'admin') return given;
  const { ...permitted } = given;
  const ui = isObject(given.ui) ? { ...given.ui } : null;
  if (ui && !(await permissions(user, 'settings.interface'))) {
    for (const key of Object.keys(ui)) if (INTERFACE_PANEL.has(key)) delete ui[key];
  }
  if (ui && 'system' in ui) {
    const both = (await permissions(user, 'chat.controls')) && (await permissions(user, 'chat.system_prompt'));
    if (!both) delete ui.system;
  }
  if (ui && 'toolServers' in ui && !(await permissions(user, 'features.direct_tool_servers'))) delete ui.toolServers;
  const webhook = isObject(ui?.notifications) && 'webhook_url' in ui.notifications;
  if (('notifications' in given || webhook) && !(await permissions(user, 'features.webhooks'))) {
    delete permitted.notifications;
    if (ui && isObject(ui.notifications)) {
      const { webhook_url: _refused, ...kept } = ui.notifications;
      ui.notifications = kept;
    }
  }
  return ui ? { ...permitted, ui } : permitted;
}

/** Stored settings with an update: members replace; of `ui` one by one, where null removes. */
export function mergeSettings(stored: unknown, given: JsonObject): JsonObject {
  const base = isObject(stored) ? stored : {};
  const { ui: given_ui, ...others } = given;
  const ui: JsonObject = isObject(base.ui) ? { ...base.ui } : {};
  for (const [key, value] of Object.entries(isObject(given_ui) ? given_ui : {})) {
    if (value === null) delete ui[key];
    else ui[key] = value;
  }
  return { ...base, ...others, ui };
}

/** Settings over the administrator's defaults; what the user set to null counts as not set. */
export function withDefaults(settings: JsonObject | null, defaults: unknown): JsonObject | null {
  if (!isObject(defaults) || Object.keys(defaults).length === 0) return settings;
  return { ...settings, ui: mergeDeep(defaults, isObject(settings?.ui) ? settings.ui : {}) };
}

function mergeDeep(base: JsonObject, over: JsonObject): JsonObject {
  const merged: JsonObject = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (value === null && Object.hasOwn(base, key)) continue;
    const below = Object.hasOwn(base, key) ? base[key] : undefined;
    merged[key] = isObject(below) && isObject(value) ? mergeDeep(below, value) : value;
  }
  return merged;
}

const VARIABLE_NAME = /^[a-z][a-z0-9_]*$/;
const VARIABLE_LENGTH = 20_000;
const VARIABLES_LENGTH = 100_000;

/** The user's prompt variables as they are stored. Throws 400 with the wire's text. */
export function readVariables(given: JsonObject): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [key, value] of Object.entries(given)) {
    if (!VARIABLE_NAME.test(key)) throw new HttpError(400, `Invalid user variable key: ${key}`);
    if (typeof value !== 'string') throw new HttpError(400, `User variable must be a string: ${key}`);
    const text = value.replaceAll('\r\n', '\n');
    if (text.length > VARIABLE_LENGTH) throw new HttpError(400, `User variable is too long: ${key}`);
    result[key] = text;
  }
  if (JSON.stringify(result).length > VARIABLES_LENGTH) throw new HttpError(400, 'User variables are too large.');
  return result;
}

/** Variables as the wire shows them: only texts. */
export function presentVariables(stored: unknown): { variables: Record<string, string> } {
  const entries = Object.entries(isObject(stored) ? stored : {});
  return {
    variables: Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string')),
  };
}
