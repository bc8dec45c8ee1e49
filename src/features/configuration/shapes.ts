import {
  Bool,
  Default,
  Dict,
  Int,
  List,
  Nullable,
  Obj,
  Optional,
  Str,
  Strict,
  shape,
} from '../../kernel/http/shapes.ts';
import { field, formShape, orNull } from './forms.ts';

export const connectionsForm = {
  ENABLE_DIRECT_CONNECTIONS: field('direct.enable', Bool()),
  ENABLE_DIRECT_INTEGRATIONS: field('direct.integrations.enable', Optional(Bool())),
  ENABLE_BASE_MODELS_CACHE: field('models.base_models_cache', Bool()),
};
export const ConnectionsConfigForm = formShape('ConnectionsConfigForm', connectionsForm);

export const codeExecutionForm = {
  ENABLE_CODE_EXECUTION: field('code_execution.enable', Bool()),
  CODE_EXECUTION_ENGINE: field('code_execution.engine', Str()),
  CODE_EXECUTION_JUPYTER_URL: field('code_execution.jupyter.url', Nullable(Str())),
  CODE_EXECUTION_JUPYTER_AUTH: field('code_execution.jupyter.auth', Nullable(Str())),
  CODE_EXECUTION_JUPYTER_AUTH_TOKEN: field('code_execution.jupyter.auth_token', Nullable(Str())),
  CODE_EXECUTION_JUPYTER_AUTH_PASSWORD: field('code_execution.jupyter.auth_password', Nullable(Str())),
  CODE_EXECUTION_JUPYTER_TIMEOUT: field('code_execution.jupyter.timeout', Nullable(Int())),
  ENABLE_CODE_INTERPRETER: field('code_interpreter.enable', Bool()),
  CODE_INTERPRETER_ENGINE: field('code_interpreter.engine', Str()),
  CODE_INTERPRETER_PROMPT_TEMPLATE: field('code_interpreter.prompt_template', Nullable(Str())),
  CODE_INTERPRETER_JUPYTER_URL: field('code_interpreter.jupyter.url', Nullable(Str())),
  CODE_INTERPRETER_JUPYTER_AUTH: field('code_interpreter.jupyter.auth', Nullable(Str())),
  CODE_INTERPRETER_JUPYTER_AUTH_TOKEN: field('code_interpreter.jupyter.auth_token', Nullable(Str())),
  CODE_INTERPRETER_JUPYTER_AUTH_PASSWORD: field('code_interpreter.jupyter.auth_password', Nullable(Str())),
  CODE_INTERPRETER_JUPYTER_TIMEOUT: field('code_interpreter.jupyter.timeout', Nullable(Int())),
};
export const CodeInterpreterConfigForm = formShape('CodeInterpreterConfigForm', codeExecutionForm);

export const modelsForm = {
  DEFAULT_MODELS: field('ui.default_models', Nullable(Str())),
  DEFAULT_PINNED_MODELS: field('ui.default_pinned_models', Nullable(Str())),
  MODEL_ORDER_LIST: field('ui.model_order_list', Nullable(List(Str()))),
  DEFAULT_MODEL_METADATA: field('models.default_metadata', orNull(Dict())),
  DEFAULT_MODEL_PARAMS: field('models.default_params', orNull(Dict())),
};
export const ModelsConfigForm = formShape('ModelsConfigForm', modelsForm);

export const subagentsForm = {
  ENABLE_SUBAGENTS: field('subagents.enable', Bool()),
  SUBAGENTS_BACKGROUND_ENABLED: field('subagents.background_enabled', Bool()),
  SUBAGENTS_MAX_CONCURRENT: field('subagents.max_concurrent', Int()),
  SUBAGENTS_MAX_ASYNC: field('subagents.max_async', Int()),
  SUBAGENTS_MAX_ITERATIONS: field('subagents.max_iterations', Int()),
  SUBAGENTS_MAX_OUTPUT: field('subagents.max_output', Int()),
  SUBAGENTS_SYSTEM_PROMPT: field('subagents.system_prompt', Str()),
};
export const SubagentsConfigForm = formShape('SubagentsConfigForm', subagentsForm);

export const PromptSuggestion = shape('PromptSuggestion', { title: List(Str()), content: Str() });
export const SetDefaultSuggestionsForm = shape('SetDefaultSuggestionsForm', {
  suggestions: Nullable(List(PromptSuggestion)),
  i18n: Default(Nullable(Dict()), null),
});

export const BannerModel = shape('BannerModel', {
  i18n: Default(Nullable(Dict(Dict(Str()))), null),
  id: Str(),
  type: Str(),
  title: Default(Nullable(Str()), null),
  content: Str(),
  dismissible: Bool(),
  timestamp: Int(),
});
export const SetBannersForm = shape('SetBannersForm', { banners: List(BannerModel) });

export const InterfaceVisibilityForm = shape('InterfaceVisibilityForm', { visibility: Dict(Strict(Bool())) });
export const ImportConfigForm = shape('ImportConfigForm', { config: Dict() });

export const TerminalServerConnection = shape(
  'TerminalServerConnection',
  {
    id: Default(Nullable(Str()), ''),
    name: Default(Nullable(Str()), ''),
    enabled: Default(Nullable(Bool()), true),
    url: Str(),
    path: Default(Nullable(Str()), '/openapi.json'),
    key: Default(Nullable(Str()), ''),
    auth_type: Default(Nullable(Str()), 'bearer'),
    forward_cookies: Default(Bool(), false),
    config: Default(Nullable(Dict()), null),
    server_type: Default(Nullable(Str()), null),
    policy_id: Default(Nullable(Str()), null),
  },
  { extra: 'keep' },
);
export const TerminalServersConfigForm = shape('TerminalServersConfigForm', {
  TERMINAL_SERVER_CONNECTIONS: List(TerminalServerConnection),
});

const terminalServer = {
  url: Str(),
  key: Default(Nullable(Str()), ''),
  auth_type: Default(Nullable(Str()), 'bearer'),
};
export const TerminalPolicyForm = shape('TerminalServerPolicyForm', {
  ...terminalServer,
  policy_id: Str(),
  policy_data: Default(Nullable(Dict()), null),
});
export const TerminalLifecycleForm = shape('TerminalServerLifecycleForm', {
  ...terminalServer,
  policy_id: Str(),
  lifecycle_data: Default(Nullable(Dict()), null),
});
export const TerminalRefreshForm = shape('TerminalServerRefreshForm', {
  ...terminalServer,
  user_id: Default(Nullable(Str()), null),
  policy_id: Default(Nullable(Str()), null),
  only_idle: Default(Bool(), true),
  reset: Default(Bool(), false),
});

export const EventWebhook = shape('EventWebhook', {
  id: Str(),
  name: Str(),
  url: Str(),
  enabled: Bool(),
  events: List(Str()),
  targets: Nullable(List(Obj({ type: Str(), id: Str() }))),
  created_at: Int(),
  updated_at: Int(),
});
export const EventWebhookForm = shape('EventWebhookForm', {
  name: Default(Nullable(Str()), null),
  url: Str(),
  enabled: Default(Bool(), true),
  events: Default(Nullable(List(Str())), null),
  targets: Default(Nullable(List(Dict())), null),
});
export const EventWebhookUpdateForm = shape('EventWebhookUpdateForm', {
  name: Optional(Nullable(Str())),
  url: Optional(Nullable(Str())),
  enabled: Optional(Nullable(Bool())),
  events: Optional(Nullable(List(Str()))),
  targets: Optional(Nullable(List(Dict()))),
});
