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

export const ClientRegistrationQuery = Obj({ type: Default(Nullable(Str()), null) });
const noText = Default(Nullable(Str()), null);
export const OAuthClientRegistrationForm = shape('OAuthClientRegistrationForm', {
  url: Str(),
  client_id: Str(),
  client_name: noText,
  client_secret: noText,
  oauth_server_url: noText,
  oauth_scope: noText,
});
