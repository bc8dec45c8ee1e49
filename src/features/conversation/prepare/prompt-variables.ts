import type { User } from '../../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { fillChatVariables } from '../../../kernel/text/chat-variables.ts';

/** What the variables of a prompt stand for. */
export interface PromptContext {
  /** null: nobody is known, profile variables say so. */
  user: User | null;
  /** Literal replacements of the client, keys with their braces. */
  variables: Readonly<Record<string, string>>;
  /** Values of the chat's own variables. */
  chatVariables: JsonObject;
  /** Names of the user's groups; asked for only when a prompt has them. */
  groupNames: () => Promise<readonly string[]>;
  /** Default: now. */
  now?: Date;
}

const USER_VARIABLE = /\{\{\s*user\.variables\.([^\s|}]+)(?:\s*\|\s*[^}]*)?\s*\}\}/g;

/**
 * A system prompt with its variables replaced: those of the chat, of the user, of the client (they win over the server's), then the
 * server's (chat pipeline note, 3.3). What nobody knows stays as it is.
 */
export async function resolvePrompt(prompt: string, context: PromptContext): Promise<string> {
  if (!prompt.includes('{{')) return prompt;
  let text = fillChatVariables(prompt, context.chatVariables);
  text = fillUserVariables(text, context.user);
  for (const [key, value] of Object.entries(context.variables)) text = text.replaceAll(key, () => value);
  return fillServerVariables(text, context);
}

function fillUserVariables(text: string, user: User | null): string {
  if (!text.includes('user.variables.')) return text;
  const values = user && isObject(user.variables) ? user.variables : {};
  return text.replace(USER_VARIABLE, (_, key: string) => {
    const value = Object.hasOwn(values, key) ? values[key] : undefined;
    return typeof value === 'string' ? value : '';
  });
}

type ServerContext = Pick<PromptContext, 'user' | 'groupNames' | 'now'>;

const SERVER_VARIABLE =
  /\{\{(CURRENT_(?:DATE|TIME|DATETIME|WEEKDAY)|USER_(?:NAME|EMAIL|BIO|GENDER|BIRTH_DATE|AGE|LOCATION|GROUPS))\}\}/g;

/** A text with date, time and profile variables replaced. */
export async function fillServerVariables(text: string, context: ServerContext): Promise<string> {
  if (!text.includes('{{')) return text;
  const now = context.now ?? new Date();
  const groups = context.user && text.includes('{{USER_GROUPS}}') ? (await context.groupNames()).join(', ') : undefined;
  return text.replace(SERVER_VARIABLE, (_, name: string) =>
    name.startsWith('CURRENT_') ? moment(name, now) : profile(name, context.user, groups, now),
  );
}

const two = (value: number): string => String(value).padStart(2, '0');

function moment(name: string, now: Date): string {
  const date = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const hour = now.getHours();
  const time = `${two(hour % 12 || 12)}:${two(now.getMinutes())}:${two(now.getSeconds())} ${hour < 12 ? 'AM' : 'PM'}`;
  if (name === 'CURRENT_DATE') return date;
  if (name === 'CURRENT_TIME') return time;
  return name === 'CURRENT_DATETIME' ? `${date} ${time}` : now.toLocaleDateString('en', { weekday: 'long' });
}

/** What the reference says for a profile field that is not set. */
const UNSET = 'None';

function profile(name: string, user: User | null, groups: string | undefined, now: Date): string {
  if (!user) return 'Unknown';
  switch (name) {
    case 'USER_NAME':
      return user.name;
    case 'USER_EMAIL':
      return user.email;
    case 'USER_BIO':
      return user.bio || UNSET;
    case 'USER_GENDER':
      return user.gender || UNSET;
    case 'USER_BIRTH_DATE':
      return user.date_of_birth || UNSET;
    case 'USER_AGE':
      return ageOf(user.date_of_birth, now);
    case 'USER_LOCATION': {
      const location = isObject(user.info) ? user.info.location : undefined;
      return typeof location === 'string' && location ? location : UNSET;
    }
    default:
      return groups ?? '';
  }
}

function ageOf(birth: string | null, now: Date): string {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})/.exec(birth ?? '') ?? [];
  if (year === undefined) return UNSET;
  const before = now.getMonth() + 1 - Number(month) || now.getDate() - Number(day);
  return String(now.getFullYear() - Number(year) - (before < 0 ? 1 : 0));
}
