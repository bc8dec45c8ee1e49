import { bool, csv, int, jsonObject, optionalInt, text, url } from '../variable.ts';

export const chat = {
  ENABLE_CHAT_RESPONSE_BASE64_IMAGE_URL_CONVERSION: bool(
    false,
    'Store inline base64 images of answers as files and replace them by URLs',
  ),
  ENABLE_API_OUTLET_FILTERS: bool(true, 'Run outlet filters on direct API completions too'),
  ENABLE_CHAT_RESPONSE_STREAM_INPLACE_APPEND: bool(false, 'Accepted and ignored'),
  ENABLE_IMAGE_CONTENT_TYPE_EXTENSION_FALLBACK: bool(false, 'Guess image type from the file extension as last resort'),
  CHAT_RESPONSE_STREAM_DELTA_CHUNK_SIZE: int(1, 'Minimum number of deltas joined per emitted chunk'),
  CHAT_RESPONSE_MAX_TOOL_CALL_ITERATIONS: int(256, 'Tool-call rounds per answer; -1 = unlimited', {
    aliases: ['CHAT_RESPONSE_MAX_TOOL_CALL_RETRIES'],
  }),
  CHAT_RESPONSE_MAX_TOOL_CALL_RETRIES: int(256, 'Older name of CHAT_RESPONSE_MAX_TOOL_CALL_ITERATIONS'),
  ENABLE_RESPONSES_API_STATEFUL: bool(false, 'Send previous_response_id to Responses API upstreams'),
  CHAT_STREAM_RESPONSE_CHUNK_MAX_BUFFER_SIZE: optionalInt(
    null,
    'Max bytes of one upstream stream line; unset = no limit',
  ),
  ENABLE_CONTEXT_COMPACTION: bool(false, 'Summarise old messages when the chat grows', {
    key: 'chat.context_compaction.enable',
  }),
  CONTEXT_COMPACTION_MODEL: text('', 'Model that writes the summary; empty = task/chat model', {
    key: 'chat.context_compaction.model',
  }),
  CONTEXT_COMPACTION_TOKEN_THRESHOLD: int(80000, 'Token count that triggers compaction', {
    key: 'chat.context_compaction.token_threshold',
  }),
  CONTEXT_COMPACTION_TOKEN_CAP: optionalInt(null, 'Upper bound for per-chat thresholds; unset = none', {
    key: 'chat.context_compaction.token_cap',
  }),
  CONTEXT_COMPACTION_RETENTION_PERCENTAGE: int(40, 'Share of context kept verbatim, clamped to 10..50', {
    key: 'chat.context_compaction.retention_percentage',
    adjust: (percent) => Math.min(50, Math.max(10, percent)),
  }),
  CONTEXT_COMPACTION_PROMPT_TEMPLATE: text('', 'Summary prompt; empty = built-in', {
    key: 'chat.context_compaction.prompt_template',
  }),
  ENABLE_TOOL_PERMISSIONS: bool(false, 'Ask the user before tools run', { key: 'chat.tool_permissions.enable' }),
  ENABLE_TOOL_SEARCH: bool(false, 'Hide tools behind a search tool when there are many', {
    key: 'chat.tool_search.enable',
  }),
  TOOL_SEARCH_DEFER_THRESHOLD: int(400, 'Size above which tools are deferred', {
    key: 'chat.tool_search.defer_threshold',
  }),
  TOOL_SEARCH_ALWAYS_LOADED: csv([], 'Comma list of tools never deferred', { key: 'chat.tool_search.always_loaded' }),
  TOOL_SEARCH_DEFER_BUILTIN_TOOLS: bool(true, 'Built-in tools may be deferred too', {
    key: 'chat.tool_search.defer_builtin_tools',
  }),
};

export const tasks = {
  TASK_MODEL: text('', 'Model for background tasks on local models', { key: 'task.model.default' }),
  TASK_MODEL_EXTERNAL: text('', 'Model for background tasks on external models', { key: 'task.model.external' }),
  TASK_MODEL_PARAMS: jsonObject({}, 'JSON object of parameters for task calls', {
    key: 'task.model.params',
    invalid: {},
  }),
  TITLE_GENERATION_PROMPT_TEMPLATE: text('', 'Title prompt; empty = built-in', { key: 'task.title.prompt_template' }),
  TAGS_GENERATION_PROMPT_TEMPLATE: text('', 'Tags prompt; empty = built-in', { key: 'task.tags.prompt_template' }),
  IMAGE_PROMPT_GENERATION_PROMPT_TEMPLATE: text('', 'Image prompt rewrite prompt; empty = built-in', {
    key: 'task.image.prompt_template',
  }),
  FOLLOW_UP_GENERATION_PROMPT_TEMPLATE: text('', 'Follow-up prompt; empty = built-in', {
    key: 'task.follow_up.prompt_template',
  }),
  QUERY_GENERATION_PROMPT_TEMPLATE: text('', 'Query prompt; empty = built-in', { key: 'task.query.prompt_template' }),
  AUTOCOMPLETE_GENERATION_PROMPT_TEMPLATE: text('', 'Autocomplete prompt; empty = built-in', {
    key: 'task.autocomplete.prompt_template',
  }),
  VOICE_MODE_PROMPT_TEMPLATE: text('', 'Voice mode prompt; empty = built-in', { key: 'task.voice.prompt_template' }),
  TOOLS_FUNCTION_CALLING_PROMPT_TEMPLATE: text('', 'Prompt for default (non-native) tool calling; empty = built-in', {
    key: 'task.tools.prompt_template',
  }),
  ENABLE_FOLLOW_UP_GENERATION: bool(true, 'Generate follow-ups', { key: 'task.follow_up.enable' }),
  ENABLE_TAGS_GENERATION: bool(true, 'Generate tags', { key: 'task.tags.enable' }),
  ENABLE_TITLE_GENERATION: bool(true, 'Generate titles', { key: 'task.title.enable' }),
  ENABLE_SEARCH_QUERY_GENERATION: bool(true, 'Generate web search queries', { key: 'task.query.search.enable' }),
  ENABLE_RETRIEVAL_QUERY_GENERATION: bool(true, 'Generate retrieval queries', { key: 'task.query.retrieval.enable' }),
  ENABLE_AUTOCOMPLETE_GENERATION: bool(false, 'Autocomplete while typing', { key: 'task.autocomplete.enable' }),
  AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH: int(-1, 'Max input length for autocomplete; -1 = no limit', {
    key: 'task.autocomplete.input_max_length',
  }),
  ENABLE_VOICE_MODE_PROMPT: bool(true, 'Add the voice mode prompt in calls', { key: 'task.voice.prompt.enable' }),
};

export const code = {
  ENABLE_CODE_EXECUTION: bool(true, 'Users may run code blocks', { key: 'code_execution.enable' }),
  CODE_EXECUTION_ENGINE: text('pyodide', 'pyodide (browser) or jupyter', { key: 'code_execution.engine' }),
  CODE_EXECUTION_JUPYTER_URL: url('', 'Jupyter URL for code execution', { key: 'code_execution.jupyter.url' }),
  CODE_EXECUTION_JUPYTER_AUTH: text('', 'Jupyter auth: empty, token or password', {
    key: 'code_execution.jupyter.auth',
  }),
  CODE_EXECUTION_JUPYTER_AUTH_TOKEN: text('', 'Jupyter token', { key: 'code_execution.jupyter.auth_token' }),
  CODE_EXECUTION_JUPYTER_AUTH_PASSWORD: text('', 'Jupyter password', { key: 'code_execution.jupyter.auth_password' }),
  CODE_EXECUTION_JUPYTER_TIMEOUT: int(60, 'Seconds to wait for each kernel message', {
    key: 'code_execution.jupyter.timeout',
  }),
  ENABLE_CODE_INTERPRETER: bool(true, 'Models may run code', { key: 'code_interpreter.enable' }),
  CODE_INTERPRETER_ENGINE: text('pyodide', 'pyodide or jupyter', { key: 'code_interpreter.engine' }),
  CODE_INTERPRETER_PROMPT_TEMPLATE: text('', 'Interpreter prompt; empty = built-in', {
    key: 'code_interpreter.prompt_template',
  }),
  CODE_INTERPRETER_JUPYTER_URL: text(
    { from: 'CODE_EXECUTION_JUPYTER_URL' },
    'Jupyter URL for the interpreter; defaults to the code execution one',
    { key: 'code_interpreter.jupyter.url' },
  ),
  CODE_INTERPRETER_JUPYTER_AUTH: text(
    { from: 'CODE_EXECUTION_JUPYTER_AUTH' },
    'Auth mode; defaults to the code execution one',
    { key: 'code_interpreter.jupyter.auth' },
  ),
  CODE_INTERPRETER_JUPYTER_AUTH_TOKEN: text(
    { from: 'CODE_EXECUTION_JUPYTER_AUTH_TOKEN' },
    'Token; defaults to the code execution one',
    { key: 'code_interpreter.jupyter.auth_token' },
  ),
  CODE_INTERPRETER_JUPYTER_AUTH_PASSWORD: text(
    { from: 'CODE_EXECUTION_JUPYTER_AUTH_PASSWORD' },
    'Password; defaults to the code execution one',
    { key: 'code_interpreter.jupyter.auth_password' },
  ),
  CODE_INTERPRETER_JUPYTER_TIMEOUT: int(
    { from: 'CODE_EXECUTION_JUPYTER_TIMEOUT' },
    'Timeout; defaults to the code execution one',
    { key: 'code_interpreter.jupyter.timeout' },
  ),
  CODE_INTERPRETER_BLOCKED_MODULES: csv([], 'Comma list of Python modules the interpreter may not import'),
};
