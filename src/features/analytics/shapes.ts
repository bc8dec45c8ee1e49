import { Bool, Default, Dict, Int, List, Nullable, Obj, OneOf, type Static, Str } from '../../kernel/http/shapes.ts';

const seconds = Default(Nullable(Int()), null);
const text = Default(Nullable(Str()), null);
const range = { start_date: seconds, end_date: seconds, group_id: text };
const metric = Default(OneOf('messages', 'tokens'), 'messages');
const paging = { skip: Default(Int(), 0), limit: Default(Int({ maximum: 100 }), 50) };

export const RangeQuery = Obj(range);
export type RangeQuery = Static<typeof RangeQuery>;
export const UsersQuery = Obj({ ...range, limit: Default(Int(), 50), metric });
export const MessagesQuery = Obj({
  model_id: text,
  user_id: text,
  chat_id: text,
  start_date: seconds,
  end_date: seconds,
  ...paging,
});
export type MessagesQuery = Static<typeof MessagesQuery>;
export const DailyQuery = Obj({
  ...range,
  granularity: Default(OneOf('10m', 'hourly', '3h', '6h', 'daily'), 'daily'),
  metric,
  compare: Default(Bool(), false),
});
export type DailyQuery = Static<typeof DailyQuery>;
/** One wildcard route has both kinds of questions about a model. */
export const ModelQuery = Obj({
  start_date: seconds,
  end_date: seconds,
  ...paging,
  order_by: Default(Str(), 'updated_at'),
  direction: Default(Str(), 'desc'),
  days: Default(Int(), 30),
});
export type ModelQuery = Static<typeof ModelQuery>;

export const Summary = Obj({ total_messages: Int(), total_chats: Int(), total_models: Int(), total_users: Int() });
export const Models = Obj({
  models: List(Obj({ model_id: Str(), count: Int(), unique_users: Int(), unique_chats: Int() })),
});
export const Users = Obj({
  users: List(
    Obj({
      user_id: Str(),
      name: Nullable(Str()),
      email: Nullable(Str()),
      count: Int(),
      input_tokens: Int(),
      output_tokens: Int(),
      total_tokens: Int(),
    }),
  ),
});
const part = Obj({ models: Dict(Int()), start: Str(), end: Str() });
export const Daily = Obj({
  data: List(
    Obj({
      date: Str(),
      models: Dict(Int()),
      start: Nullable(Str()),
      end: Nullable(Str()),
      previous: Nullable(part),
    }),
  ),
});
export const Tokens = Obj({
  models: List(
    Obj({ model_id: Str(), input_tokens: Int(), output_tokens: Int(), total_tokens: Int(), message_count: Int() }),
  ),
  total_input_tokens: Int(),
  total_output_tokens: Int(),
  total_tokens: Int(),
});
