import { Bool, Default, Dict, Int, List, Nullable, Obj, type Static, Str, shape } from '../../kernel/http/shapes.ts';

const text = Default(Nullable(Str()), null);
const object = Default(Nullable(Dict()), null);
const ids = Default(Nullable(List(Str())), null);
const fields = {
  name: Default(Str(), ''),
  description: text,
  is_private: Default(Nullable(Bool()), null),
  data: object,
  meta: object,
  group_ids: ids,
  user_ids: ids,
};
export const CreateChannelForm = shape('CreateChannelForm', {
  ...fields,
  access_grants: Default(Nullable(List(Dict())), null),
  type: text,
});
export type CreateChannelForm = Static<typeof CreateChannelForm>;
export const ChannelForm = shape('ChannelForm', fields);
export type ChannelForm = Static<typeof ChannelForm>;
export const ChannelAccessForm = shape('ChannelAccessGrantsForm', { access_grants: List(Dict()) });
export const MessageForm = shape('MessageForm', {
  temp_id: text,
  content: Str(),
  reply_to_id: text,
  parent_id: text,
  data: object,
  meta: object,
});
export type MessageForm = Static<typeof MessageForm>;
export const MessagesQuery = Obj({ skip: Default(Int(), 0), limit: Default(Int(), 50) });
