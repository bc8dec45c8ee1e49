import { isObject } from '../../kernel/json.ts';
import { addDay } from '../../kernel/text/days.ts';
import type { CountedMessage } from './store.ts';

/** Seconds, both inclusive. */
export interface Period {
  start: number;
  end: number;
  days: number;
}

interface Day {
  messages: number;
  tokens: number;
  chats: Set<string>;
  models: Map<string, number>;
}

interface ModelFigures {
  messages: number;
  input_tokens: number;
  output_tokens: number;
}

/** Times above this are milliseconds, as early releases wrote them. */
const MILLISECONDS = 10_000_000_000;
/** Longer silence in a chat is no use of it. Seconds. */
const PAUSE = 1_800;
/** Every zone's offset is a multiple of it. Seconds. */
const QUARTER = 900;

/** Counts a user's messages as they come, oldest first (identity note, 11.3). */
export class Tally {
  readonly #period: Period;
  readonly #dayOf: (seconds: number) => string;
  readonly #days = new Map<string, Day>();
  readonly #models = new Map<string, ModelFigures>();
  readonly #allModels = new Set<string>();
  readonly #tools = new Map<string, number>();
  readonly #chats = new Map<string, { last: number; seconds: number }>();
  #input = 0;
  #output = 0;
  #fromUser = 0;
  #fromAssistant = 0;

  constructor(period: Period, timezone: string | null) {
    this.#period = period;
    this.#dayOf = dayReader(timezone);
  }

  add(message: CountedMessage): void {
    const stored = message.created_at ?? 0;
    const at = stored > MILLISECONDS ? Math.floor(stored / 1_000) : stored;
    this.#time(message.chat_id, at);
    const isAnswer = message.role === 'assistant';
    const input = isAnswer ? tokens(message.usage, 'input_tokens', 'prompt_tokens') : 0;
    const output = isAnswer ? tokens(message.usage, 'output_tokens', 'completion_tokens') : 0;
    this.#input += input;
    this.#output += output;
    if (isAnswer && message.model_id) this.#allModels.add(message.model_id);
    if (at < this.#period.start || at > this.#period.end || (!isAnswer && message.role !== 'user')) return;

    const day = this.#day(this.#dayOf(at));
    day.messages += 1;
    day.tokens += input + output;
    day.chats.add(message.chat_id);
    if (!isAnswer) {
      this.#fromUser += 1;
      return;
    }
    this.#fromAssistant += 1;
    for (const name of toolNames(message.output, message.meta)) increase(this.#tools, name);
    if (!message.model_id) return;
    increase(day.models, message.model_id);
    const model = this.#models.get(message.model_id) ?? { messages: 0, input_tokens: 0, output_tokens: 0 };
    model.messages += 1;
    model.input_tokens += input;
    model.output_tokens += output;
    this.#models.set(message.model_id, model);
  }

  /** The answer of the route; `chats`: how many the user has. */
  result(chats: number) {
    const heatmap = this.#heatmap();
    const messages = this.#fromUser + this.#fromAssistant;
    const active = heatmap.filter((day) => day.messages > 0).length;
    const lifetime = this.#input + this.#output;
    const models = [...this.#models]
      .map(([model_id, figures]) => ({
        model_id,
        ...figures,
        total_tokens: figures.input_tokens + figures.output_tokens,
      }))
      .toSorted((a, b) => b.messages - a.messages || (a.model_id < b.model_id ? -1 : 1));
    return {
      totals: {
        lifetime_tokens: lifetime,
        input_tokens: this.#input,
        output_tokens: this.#output,
        peak_daily_tokens: heatmap.reduce((most, day) => Math.max(most, day.tokens), 0),
        longest_chat_seconds: [...this.#chats.values()].reduce((most, { seconds }) => Math.max(most, seconds), 0),
        ...streaks(heatmap),
        total_chats: chats,
        active_days: active,
        models_used: this.#allModels.size,
        messages,
        user_messages: this.#fromUser,
        assistant_messages: this.#fromAssistant,
      },
      heatmap,
      weekly_heatmap: this.#weekly(heatmap),
      cumulative_heatmap: cumulative(heatmap),
      insights: {
        most_used_model: models[0]?.model_id ?? null,
        average_tokens_per_chat: ratio(lifetime, chats),
        average_messages_per_active_day: ratio(messages, active),
        user_message_share: ratio(this.#fromUser * 100, messages),
        assistant_message_share: ratio(this.#fromAssistant * 100, messages),
      },
      top_models: models.slice(0, TOP),
      top_tools: [...this.#tools]
        .map(([name, count]) => ({ name, count }))
        .toSorted((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
        .slice(0, TOP),
      period: { start_date: this.#period.start, end_date: this.#period.end, days: this.#period.days },
    };
  }

  #time(chatId: string, at: number): void {
    const chat = this.#chats.get(chatId);
    if (!chat) {
      this.#chats.set(chatId, { last: at, seconds: 0 });
      return;
    }
    const gap = at - chat.last;
    if (gap > 0 && gap <= PAUSE) chat.seconds += gap;
    chat.last = at;
  }

  #day(date: string): Day {
    const known = this.#days.get(date);
    if (known) return known;
    const day: Day = { messages: 0, tokens: 0, chats: new Set(), models: new Map() };
    this.#days.set(date, day);
    return day;
  }

  /** One entry for every day of the period. */
  #heatmap(): HeatmapEntry[] {
    const entries: HeatmapEntry[] = [];
    const last = this.#dayOf(this.#period.end);
    for (let date = this.#dayOf(this.#period.start); date <= last; date = addDay(date)) {
      entries.push(entryOf(date, this.#days.get(date)));
    }
    return entries;
  }

  #weekly(heatmap: readonly HeatmapEntry[]): HeatmapEntry[] {
    return [...Map.groupBy(heatmap, ({ date }) => mondayOf(date))].map(([date, entries]) => {
      const chats = new Set(entries.flatMap((entry) => [...(this.#days.get(entry.date)?.chats ?? [])]));
      return { ...entries.reduce(plus, entryOf(date, undefined)), date, chats: chats.size };
    });
  }
}

const TOP = 5;

interface HeatmapEntry {
  date: string;
  messages: number;
  chats: number;
  tokens: number;
  models: Record<string, number>;
}

function entryOf(date: string, day: Day | undefined): HeatmapEntry {
  return {
    date,
    messages: day?.messages ?? 0,
    chats: day?.chats.size ?? 0,
    tokens: day?.tokens ?? 0,
    models: Object.fromEntries(day?.models ?? []),
  };
}

function plus(sum: HeatmapEntry, day: HeatmapEntry): HeatmapEntry {
  const models = { ...sum.models };
  for (const [id, count] of Object.entries(day.models)) models[id] = (models[id] ?? 0) + count;
  return {
    date: day.date,
    messages: sum.messages + day.messages,
    chats: sum.chats + day.chats,
    tokens: sum.tokens + day.tokens,
    models,
  };
}

function cumulative(heatmap: readonly HeatmapEntry[]): HeatmapEntry[] {
  let sum = entryOf('', undefined);
  return heatmap.map((day) => {
    sum = plus(sum, day);
    return sum;
  });
}

/** Days in a row with messages: up to the last day (0 when that is empty), and at most. */
function streaks(heatmap: readonly HeatmapEntry[]): { current_streak: number; longest_streak: number } {
  let current = 0;
  let longest = 0;
  for (const { messages } of heatmap) {
    current = messages > 0 ? current + 1 : 0;
    longest = Math.max(longest, current);
  }
  return { current_streak: current, longest_streak: longest };
}

function mondayOf(date: string): string {
  const weekday = new Date(`${date}T00:00:00Z`).getUTCDay();
  return addDay(date, -((weekday + 6) % 7));
}

function ratio(value: number, by: number): number {
  return by === 0 ? 0 : Math.round((value / by) * 10) / 10;
}

function increase(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function tokens(usage: unknown, ...names: readonly string[]): number {
  if (!isObject(usage)) return 0;
  for (const name of names) {
    const value = Number(usage[name] ?? 0);
    if (Number.isFinite(value) && value > 0) return Math.trunc(value);
  }
  return 0;
}

/** The local day of a time; each quarter of an hour is asked for once only, since asking is slow. An unknown zone is UTC. */
function dayReader(timezone: string | null): (seconds: number) => string {
  const days = new Map<number, string>();
  const format = dayFormat(timezone);
  return (seconds) => {
    const quarter = Math.floor(seconds / QUARTER);
    let day = days.get(quarter);
    if (day === undefined) {
      day = format.format(quarter * QUARTER * 1_000);
      days.set(quarter, day);
    }
    return day;
  };
}

function dayFormat(timeZone: string | null): Intl.DateTimeFormat {
  const parts = { year: 'numeric', month: '2-digit', day: '2-digit' } as const;
  try {
    return new Intl.DateTimeFormat('en-CA', { ...parts, timeZone: timeZone || 'UTC' });
  } catch {
    return new Intl.DateTimeFormat('en-CA', { ...parts, timeZone: 'UTC' });
  }
}

const NAME_LENGTH = 128;
const CALLS = new Set(['function_call', 'function_call_output']);
const BELOW = ['tool_calls', 'tools', 'output', 'meta'];

/** Names of the tools that a reply used. */
function* toolNames(...values: unknown[]): Generator<string> {
  for (const value of values) {
    if (Array.isArray(value)) {
      for (const item of value) yield* toolNames(item);
    } else if (isObject(value)) {
      const type = typeof value.type === 'string' ? value.type : '';
      if (type.includes('tool') || CALLS.has(type)) {
        const name = value.name || value.tool_name;
        if (typeof name === 'string' && name !== '') yield name.slice(0, NAME_LENGTH);
      }
      if (isObject(value.function) && typeof value.function.name === 'string' && value.function.name !== '') {
        yield value.function.name.slice(0, NAME_LENGTH);
      }
      for (const key of BELOW) if (typeof value[key] === 'object') yield* toolNames(value[key]);
    }
  }
}
