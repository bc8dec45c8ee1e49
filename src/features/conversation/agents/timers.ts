import { randomUUID } from 'node:crypto';
import type { Database } from '../../../kernel/database/index.ts';
import type { User } from '../../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { nowNanoseconds, nowSeconds } from '../../../kernel/time.ts';
import { findChat, loadMessages } from '../../chats/index.ts';
import { pausedRequest } from '../approval/request.ts';
import type { TurnContext } from '../turn/turn.ts';
import type { Deliver } from './delivery.ts';
import { insertHiddenChat } from './hidden-chat.ts';
import { dueTimers, insertInternal, setTimer, takeTimer, timersOf } from './store.ts';

/** What cancels a timer before its time. */
export const CANCELS = ['chat.read', 'chat.user_message'] as const;
export type Cancel = (typeof CANCELS)[number];

interface TimersDeps {
  database: Pick<Database, 'db' | 'transaction'>;
  findUser(id: string): Promise<User | null>;
  deliver: Deliver;
}

/** Messages to a chat at a time of their own (chat pipeline note, 8.5). */
export interface Timers {
  set(turn: TurnContext, timer: { prompt: string; at: Date; cancelOn: readonly Cancel[] }): Promise<void>;
  /** Sees to those whose time has come; any process may. */
  fire(): Promise<void>;
  /** Cancels the user's timers of a chat that end with this event. */
  cancel(userId: string, chatId: string, event: Cancel): Promise<void>;
}

const AT_ONCE = 10;

export function createTimers({ database, findUser, deliver }: TimersDeps): Timers {
  const { db } = database;

  /** The chat in which it has something to say now; null: nothing. */
  async function fireOne(timerId: string): Promise<string | null> {
    const timer = await findChat(db, timerId);
    if (!timer) return null;
    const parentId = typeof timer.meta.parent_chat_id === 'string' ? timer.meta.parent_chat_id : '';
    const [parent, user] = [await findChat(db, parentId), await findUser(timer.user_id)];
    const told = await promptOf(timerId, timer.meta);
    const trouble = !parent
      ? 'The chat is gone.'
      : !isVerified(user)
        ? 'The account is gone.'
        : !told
          ? 'It says nothing.'
          : null;
    return database.transaction(async (tx) => {
      const ended = trouble === null ? { status: 'completed' } : { status: 'error', timer_error: trouble };
      if (!(await takeTimer(tx, timerId, { ...timer.meta, ...ended })) || trouble !== null) return null;
      await insertInternal(tx, {
        id: randomUUID(),
        chat_id: parentId,
        user_id: timer.user_id,
        kind: 'timer',
        model: told?.model ?? '',
        content: told?.prompt ?? '',
        meta: { internal: true, type: 'timer', timer_id: timerId },
        run: isObject(timer.meta.run) ? timer.meta.run : {},
      });
      return parentId;
    });
  }

  async function promptOf(timerId: string, meta: JsonObject): Promise<{ prompt: string; model: string } | null> {
    const messages = await loadMessages(db, timerId);
    const asked = typeof meta.timer_task_message_id === 'string' ? messages[meta.timer_task_message_id] : undefined;
    const message = asked ?? Object.values(messages).find(({ role }) => role === 'user');
    const model = typeof meta.timer_model_id === 'string' ? meta.timer_model_id : '';
    return typeof message?.content === 'string' && message.content !== '' ? { prompt: message.content, model } : null;
  }

  return {
    async set(turn, { prompt, at, cancelOn }) {
      const ns = BigInt(at.getTime()) * 1_000_000n;
      const model = turn.model.entry.id;
      const meta: JsonObject = {
        type: 'timer',
        parent_chat_id: turn.chatId,
        parent_message_id: turn.replyId,
        timer_at: Number(ns),
        status: 'pending',
        timer_model_id: model,
        cancel_on: [...cancelOn],
        run: { ...pausedRequest(turn), background_tasks: {} },
      };
      await database.transaction(async (tx) => {
        const hidden = { user: turn.user, kind: 'Timer', subject: prompt, meta, model, content: prompt, reply: null };
        const { chat } = await insertHiddenChat(tx, hidden);
        await setTimer(tx, chat.id, ns);
      });
    },

    async fire() {
      for (const id of await dueTimers(db, nowNanoseconds(), AT_ONCE)) {
        const chatId = await fireOne(id);
        if (chatId !== null) await deliver(chatId);
      }
    },

    async cancel(userId, chatId, event) {
      for (const { id, meta } of await timersOf(db, userId, chatId)) {
        if (!Array.isArray(meta.cancel_on) || !meta.cancel_on.includes(event)) continue;
        const ended = { ...meta, status: 'cancelled', timer_cancelled_at: nowSeconds(), timer_cancelled_by: event };
        await database.transaction((tx) => takeTimer(tx, id, ended));
      }
    },
  };
}

function isVerified(user: User | null): boolean {
  return user?.role === 'admin' || user?.role === 'user';
}

const RELATIVE = /^(?:\+|in\s+)?(\d+)\s*(s|sec(?:onds?)?|m|min(?:utes?)?|h|hours?|d|days?)$/i;
const MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const ABSOLUTE = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)$/i;

/** A time from now (`10m`, `in 2 hours`) or of the calendar with its zone; null: none, or not in the future. */
export function readTime(text: string, now = Date.now()): Date | null {
  const given = text.trim();
  const [, amount, unit] = RELATIVE.exec(given) ?? [];
  const ms =
    unit === undefined ? absolute(given) : now + Number(amount) * (MS[unit[0]?.toLowerCase() ?? ''] ?? Number.NaN);
  const at = new Date(ms);
  return Number.isNaN(at.getTime()) || at.getTime() <= now ? null : at;
}

function absolute(text: string): number {
  return ABSOLUTE.test(text) ? Date.parse(text) : Number.NaN;
}
