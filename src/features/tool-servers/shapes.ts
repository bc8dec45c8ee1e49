import { Bool, Default, Dict, List, Nullable, Obj, Str, shape, Union } from '../../kernel/http/shapes.ts';

export const ToolServerConnection = shape(
  'ToolServerConnection',
  {
    url: Str(),
    path: Str(),
    type: Default(Nullable(Str()), 'openapi'),
    auth_type: Nullable(Str()),
    forward_cookies: Default(Bool(), false),
    headers: Default(Nullable(Union([Dict(), Str()])), null),
    key: Nullable(Str()),
    config: Nullable(Dict()),
    info: Default(Nullable(Dict()), null),
  },
  { extra: 'keep' },
);
export const ToolServersConfigForm = shape('ToolServersConfigForm', {
  TOOL_SERVER_CONNECTIONS: List(ToolServerConnection),
});

export const SpecList = Obj({ specs: List(Obj({ name: Str(), description: Str() })) });
