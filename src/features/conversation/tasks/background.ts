import type { Database } from '../../../kernel/database/index.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import { findChat, loadBranch, setTags, setTitle, upsertMessage } from '../../chats/index.ts';
import { textOf } from '../prepare/index.ts';
import type { TurnContext } from '../turn/turn.ts';
import { readFollowUps, readTags, readTitle } from './answers.ts';
import type { TaskCaller } from './caller.ts';
import type { TaskName } from './prompts.ts';

export interface BackgroundDeps {
  database: Database;
  config: Pick<Config, 'get'>;
  log: Pick<Log, 'warn'>;
  caller: TaskCaller;
}

/** A reply that is complete and stored. */
export interface Finished {
  turn: TurnContext & { replyId: string };
  content: string;
}

/** What is asked of models beside a reply, and kept with its chat. */
export interface Background {
  /** The title of a new chat, from its question alone, while the reply is written. Never rejects. */
  earlyTitle(turn: TurnContext): Promise<void>;
  /** Title, tags and follow-ups of a complete reply, all at once. Never rejects but when the turn's signal is aborted. */
  afterReply(finished: Finished): Promise<void>;
}

interface Line {
  role: string;
  content: string;
}

/** Nobody waits for a task: one that hangs must not keep its chat busy. */
const TIMEOUT_MS = 120_000;
/** Characters of a question that serve as title. */
const TITLE_LENGTH = 250;
const NEW_CHAT = 'New Chat';

export function createBackground(deps: BackgroundDeps): Background {
  const { database, config, log } = deps;

  function askModel(turn: TurnContext, task: TaskName, messages: readonly Line[]): Promise<unknown> {
    return deps.caller.complete({
      task,
      user: turn.user,
      model: turn.model,
      values: { messages },
      metadata: turn.metadata,
      signal: AbortSignal.any([turn.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  }

  /** What a task gave, or null: no task may harm the reply it belongs to. */
  async function attempt<T>(turn: TurnContext, task: string, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      if (turn.signal.aborted) throw turn.signal.reason;
      log.warn({ err: error, task, chat: turn.chatId, model: turn.model.entry.id }, 'a background task failed');
      return null;
    }
  }

  async function title(turn: TurnContext, messages: readonly Line[], wanted: boolean, stand: string): Promise<void> {
    const before = (await findChat(database.db, turn.chatId))?.title;
    if (before === undefined) return;
    const asks = wanted && config.get('task.title.enable');
    const ask = async () => readTitle(await askModel(turn, 'title_generation', messages));
    const chosen = (asks ? await attempt(turn, 'title', ask) : null) ?? stand;
    if (chosen === '') return;
    const stored = await database.transaction(async (tx) => {
      // Somebody may have named the chat meanwhile.
      const now = (await findChat(tx, turn.chatId))?.title;
      return now === before && (await setTitle(tx, turn.chatId, chosen));
    });
    if (stored) turn.emit({ type: 'chat:title', data: chosen });
  }

  async function tags(turn: TurnContext, messages: readonly Line[]): Promise<void> {
    if (!config.get('task.tags.enable')) return;
    const given = readTags(await askModel(turn, 'tags_generation', messages));
    if (given === null) return;
    const stored = await database.transaction((tx) => setTags(tx, turn.chatId, given));
    if (stored) turn.emit({ type: 'chat:tags', data: given });
  }

  async function followUps(turn: Finished['turn'], messages: readonly Line[]): Promise<void> {
    if (!config.get('task.follow_up.enable')) return;
    const own = config.get('task.follow_up.prompt_template').trim() !== '';
    const shown = own ? messages : firstAndLast(messages);
    const follow_ups = readFollowUps(await askModel(turn, 'follow_up_generation', shown));
    if (turn.kind === 'saved') {
      const fields = { followUps: follow_ups };
      await database.transaction((tx) => upsertMessage(tx, turn.chatId, turn.replyId, fields, { touch: false }));
    }
    turn.emit({ type: 'chat:message:follow_ups', data: { follow_ups } });
  }

  return {
    async earlyTitle(turn) {
      const wanted = turn.request.backgroundTasks.title;
      const question = turn.request.userMessage;
      if (wanted === undefined || question === null || turn.kind !== 'saved') return;
      const content = shortened(textOf(question.content));
      const messages = [{ role: 'user', content }];
      try {
        await attempt(turn, 'title', () => title(turn, messages, wanted, standIn(content)));
      } catch {
        // The reply was stopped, and with it all that belongs to it.
      }
    },

    async afterReply({ turn, content }) {
      const wanted = turn.request.backgroundTasks;
      const names = turn.kind === 'saved' && turn.column === 0 && turn.chat?.user_id === turn.user.id;
      const named = names && wanted.title !== undefined && !turn.request.createsChat;
      const tagged = names && wanted.tags === true;
      if (!named && !tagged && wanted.followUps !== true) return;
      const messages = await attempt(turn, 'tasks', () => conversation(turn, content, database));
      if (!messages || messages.length === 0) return;
      const stand = messages.length === 2 ? standIn(messages[0]?.content ?? '') : '';
      await Promise.all([
        wanted.followUps === true && attempt(turn, 'follow-ups', () => followUps(turn, messages)),
        named && attempt(turn, 'title', () => title(turn, messages, wanted.title === true, stand)),
        tagged && attempt(turn, 'tags', () => tags(turn, messages)),
      ]);
    },
  };
}

/** The branch up to the reply as a task reads it; empty when the chat is gone. */
async function conversation(turn: Finished['turn'], reply: string, { db }: Database): Promise<Line[]> {
  if (turn.kind === 'saved') {
    const branch = await loadBranch(db, turn.chatId, turn.replyId);
    return branch.map(({ role, content }) => ({ role, content: shortened(textOf(content)) }));
  }
  const sent = turn.request.messages.flatMap(({ role, content }) =>
    typeof role === 'string' && role !== 'system' ? [{ role, content: shortened(textOf(content)) }] : [],
  );
  return [...sent, { role: 'assistant', content: shortened(reply) }];
}

const FOLDED = /<details\b[^<>]*>(?:(?!<details\b)[\s\S])*?<\/details>|!\[[^[\]]*\]\([^()]*\)/gi;

/** A text without what is folded away and without pictures. */
function shortened(text: string): string {
  return (text.includes('<') || text.includes('![') ? text.replace(FOLDED, '') : text).trim();
}

/** What a long conversation began with, and where it is. */
function firstAndLast(messages: readonly Line[]): Line[] {
  const first = messages.findIndex(({ role }) => role === 'user');
  const last = messages.slice(-4);
  const opening = messages[first];
  return opening && first < messages.length - 4 ? [opening, ...last] : last;
}

/** `<$id>`, `<$id|label>` or `</id|label>`. */
const MENTION = /<\$([a-z0-9_:-]+)(?:\|([^<>|]+))?>|<\/[a-z0-9_:-]+\|([^<>|]+)>/gi;

/** The question itself as title: skill mentions by their labels, in one line, of a length that lists can show. */
function standIn(question: string): string {
  const text = question
    .replace(MENTION, (_, id?: string, label?: string, other?: string) => label ?? other ?? id ?? '')
    .replace(/\s+/g, ' ')
    .trim();
  const characters = [...text.slice(0, TITLE_LENGTH * 2)];
  return characters.length > TITLE_LENGTH ? `${characters.slice(0, TITLE_LENGTH).join('')}…` : text || NEW_CHAT;
}
