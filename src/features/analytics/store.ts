import { type RawBuilder, sql } from 'kysely';
import { type Db, dialectOfDb, jsonAt } from '../../kernel/database/index.ts';
import { SLOT, type Slot } from './series.ts';

/** Which answers are counted. Times are seconds, both inclusive. */
export interface Scope {
  start: number | null;
  end: number | null;
  /** Their authors are members of one of these groups. */
  groupIds: readonly string[] | null;
}

/** Times above this are milliseconds, as early releases wrote them. */
const MILLISECONDS = 10_000_000_000;

function within({ start, end }: Pick<Scope, 'start' | 'end'>, column: string): RawBuilder<boolean> {
  const at = sql.ref(column);
  const between = (factor: number) =>
    sql`(${at} >= ${Math.max(factor === 1 ? 0 : MILLISECONDS, (start ?? 0) * factor)}
      AND ${at} <= ${end === null ? Number.MAX_SAFE_INTEGER : end * factor + factor - 1})`;
  if (start === null && end === null) return sql<boolean>`1 = 1`;
  return sql<boolean>`(${between(1)} OR ${between(1_000)})`;
}

function answers(db: Db, scope: Scope) {
  let query = db.selectFrom('chat_message as m').where('m.role', '=', 'assistant').where(within(scope, 'm.created_at'));
  const { groupIds } = scope;
  if (groupIds) {
    query = query.where('m.user_id', 'in', (eb) =>
      eb
        .selectFrom('group_member')
        .select('user_id')
        .where('group_id', 'in', groupIds.length > 0 ? groupIds : ['']),
    );
  }
  return query;
}

export async function summary(db: Db, scope: Scope) {
  const row = await answers(db, scope)
    .select([
      sql<number>`COUNT(CASE WHEN m.model_id IS NOT NULL THEN 1 END)`.as('messages'),
      sql<number>`COUNT(DISTINCT m.chat_id)`.as('chats'),
      sql<number>`COUNT(DISTINCT m.model_id)`.as('models'),
      sql<number>`COUNT(DISTINCT m.user_id) + COALESCE(MAX(CASE WHEN m.user_id IS NULL THEN 1 ELSE 0 END), 0)`.as(
        'users',
      ),
    ])
    .executeTakeFirstOrThrow();
  return {
    total_messages: Number(row.messages),
    total_chats: Number(row.chats),
    total_models: Number(row.models),
    total_users: Number(row.users),
  };
}

export async function byModel(db: Db, scope: Scope) {
  const rows = await answers(db, scope)
    .where('m.model_id', 'is not', null)
    .groupBy('m.model_id')
    .select([
      'm.model_id',
      sql<number>`COUNT(*)`.as('count'),
      sql<number>`COUNT(DISTINCT m.user_id)`.as('users'),
      sql<number>`COUNT(DISTINCT m.chat_id)`.as('chats'),
    ])
    .orderBy('count', 'desc')
    .orderBy('m.model_id')
    .execute();
  return rows.map((row) => ({
    model_id: row.model_id ?? '',
    count: Number(row.count),
    unique_users: Number(row.users),
    unique_chats: Number(row.chats),
  }));
}

/** Whole tokens of a row; what is no number counts as none. */
function tokens(db: Db, ...names: readonly [string, string]): RawBuilder<number> {
  const [first, second] = names.map((name) => jsonAt(db, 'm.usage', name));
  const text = sql`COALESCE(${first}, ${second})`;
  switch (dialectOfDb(db)) {
    case 'sqlite':
      return sql<number>`COALESCE(CAST(${text} AS INTEGER), 0)`;
    case 'postgresql':
      return sql<number>`(CASE WHEN ${text} ~ '^-?[0-9]+(\\.[0-9]+)?$' THEN TRUNC(CAST(${text} AS numeric)) ELSE 0 END)`;
    case 'mysql':
      return sql<number>`COALESCE(CAST(${text} AS SIGNED), 0)`;
  }
}

const inputTokens = (db: Db) => tokens(db, 'input_tokens', 'prompt_tokens');
const outputTokens = (db: Db) => tokens(db, 'output_tokens', 'completion_tokens');

/** Users with most answers or tokens; answers without a user are left out. */
export async function byUser(db: Db, scope: Scope, metric: 'messages' | 'tokens', limit: number) {
  const [input, output] = [sql<number>`SUM(${inputTokens(db)})`, sql<number>`SUM(${outputTokens(db)})`];
  let query = answers(db, scope)
    .leftJoin('user', 'user.id', 'm.user_id')
    .where('m.user_id', 'is not', null)
    .groupBy(['m.user_id', 'user.name', 'user.email'])
    .select([
      'm.user_id',
      'user.name',
      'user.email',
      sql<number>`COUNT(*)`.as('count'),
      input.as('input'),
      output.as('output'),
    ]);
  if (metric === 'tokens') query = query.orderBy(sql`${input} + ${output}`, 'desc');
  const rows = await query.orderBy('count', 'desc').orderBy('m.user_id').limit(Math.max(0, limit)).execute();
  return rows.map((row) => ({
    user_id: row.user_id ?? '',
    name: row.name,
    email: row.email,
    count: Number(row.count),
    input_tokens: Number(row.input),
    output_tokens: Number(row.output),
    total_tokens: Number(row.input) + Number(row.output),
  }));
}

export async function tokensByModel(db: Db, scope: Scope) {
  const [input, output] = [sql<number>`SUM(${inputTokens(db)})`, sql<number>`SUM(${outputTokens(db)})`];
  const rows = await answers(db, scope)
    .where('m.model_id', 'is not', null)
    .groupBy('m.model_id')
    .select(['m.model_id', input.as('input'), output.as('output'), sql<number>`COUNT(*)`.as('count')])
    .orderBy(sql`${input} + ${output}`, 'desc')
    .orderBy('m.model_id')
    .execute();
  return rows.map((row) => ({
    model_id: row.model_id ?? '',
    input_tokens: Number(row.input),
    output_tokens: Number(row.output),
    total_tokens: Number(row.input) + Number(row.output),
    message_count: Number(row.count),
  }));
}

/** Answers or tokens per model in slots of five minutes. */
export async function slots(db: Db, scope: Scope, metric: 'messages' | 'tokens'): Promise<Slot[]> {
  const milliseconds = sql.lit(MILLISECONDS);
  const at = sql`(CASE WHEN m.created_at > ${milliseconds} THEN m.created_at / 1000 ELSE m.created_at END)`;
  const width = sql.lit(SLOT);
  const slot =
    dialectOfDb(db) === 'mysql'
      ? sql<number>`FLOOR(${at} / ${width}) * ${width}`
      : sql<number>`CAST(${at} AS bigint) / ${width} * ${width}`;
  const value =
    metric === 'messages' ? sql<number>`COUNT(*)` : sql<number>`SUM(${inputTokens(db)} + ${outputTokens(db)})`;
  const rows = await answers(db, scope)
    .where('m.model_id', 'is not', null)
    .select([slot.as('slot'), 'm.model_id', value.as('value')])
    .groupBy([slot, 'm.model_id'])
    .execute();
  return rows.map((row) => ({ at: Number(row.slot), model: row.model_id ?? '', value: Number(row.value) }));
}

export interface MessageFilter {
  chatId: string | null;
  modelId: string | null;
  userId: string | null;
  start: number | null;
  end: number | null;
  offset: number;
  limit: number;
}

/** Rows of a chat in order, else of a model, else of a user, newest first; none when nothing is asked for. */
export async function messages(db: Db, filter: MessageFilter) {
  const query = db.selectFrom('chat_message').selectAll();
  if (filter.chatId) return query.where('chat_id', '=', filter.chatId).orderBy('created_at').orderBy('id').execute();
  const page = query.orderBy('created_at', 'desc').orderBy('id').limit(filter.limit).offset(filter.offset);
  if (filter.modelId) {
    return page.where('model_id', '=', filter.modelId).where(within(filter, 'created_at')).execute();
  }
  return filter.userId ? page.where('user_id', '=', filter.userId).execute() : [];
}

export interface ModelChats {
  modelId: string;
  start: number | null;
  end: number | null;
  order: 'title' | 'updated_at' | 'user_name';
  ascending: boolean;
  offset: number;
  limit: number;
}

/** Chats in which a model answered or was asked, without internal ones. */
export async function chatsOfModel(db: Db, wanted: ModelChats) {
  const matching = usingModel(db, wanted).leftJoin('user', 'user.id', 'chat.user_id');
  const order = wanted.order === 'user_name' ? 'user.name' : (`chat.${wanted.order}` as const);
  const [rows, counted] = await Promise.all([
    matching
      .select(['chat.id', 'chat.user_id', 'chat.title', 'chat.updated_at', 'user.name'])
      .orderBy(order, wanted.ascending ? 'asc' : 'desc')
      .orderBy('chat.id')
      .limit(wanted.limit)
      .offset(wanted.offset)
      .execute(),
    matching.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow(),
  ]);
  return {
    chats: rows.map((row) => ({
      chat_id: row.id,
      user_id: row.user_id ?? '',
      user_name: row.name,
      first_message: row.title ?? '',
      updated_at: row.updated_at ?? 0,
    })),
    total: Number(counted.total),
  };
}

function usingModel(db: Db, { modelId, start, end }: Pick<ModelChats, 'modelId' | 'start' | 'end'>) {
  return db
    .selectFrom('chat')
    .where(sql<boolean>`COALESCE(${jsonAt(db, 'chat.meta', 'internal')}, '') NOT IN ('1', 'true')`)
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom('chat_message as m')
          .select('m.id')
          .whereRef('m.chat_id', '=', 'chat.id')
          .where('m.model_id', '=', modelId)
          .where(within({ start, end }, 'm.created_at')),
      ),
    );
}

const CHATS_LOOKED_AT = 10_000;

/** `meta` of the latest chats that use a model. */
export async function chatMetas(db: Db, modelId: string): Promise<unknown[]> {
  const rows = await usingModel(db, { modelId, start: null, end: null })
    .select('chat.meta')
    .orderBy('chat.updated_at', 'desc')
    .limit(CHATS_LOOKED_AT)
    .execute();
  return rows.map((row) => row.meta);
}
