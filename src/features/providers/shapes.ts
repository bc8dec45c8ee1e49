import { Bool, Default, Dict, Int, Json, List, Nullable, Optional, Str, shape } from '../../kernel/http/shapes.ts';

export const OpenAIConfigForm = shape('OpenAIConfigForm', {
  ENABLE_OPENAI_API: Default(Nullable(Bool()), null),
  OPENAI_API_BASE_URLS: List(Str()),
  OPENAI_API_KEYS: List(Str()),
  OPENAI_API_CONFIGS: Dict(),
});
export const OllamaConfigForm = shape('OllamaConfigForm', {
  ENABLE_OLLAMA_API: Default(Nullable(Bool()), null),
  OLLAMA_BASE_URLS: List(Str()),
  OLLAMA_API_CONFIGS: Dict(),
});
export const ConnectionVerificationForm = shape('ConnectionVerificationForm', {
  url: Str(),
  key: Str(),
  config: Default(Nullable(Dict()), null),
});
export const OllamaVerificationForm = shape('OllamaConnectionVerificationForm', {
  url: Str(),
  key: Default(Nullable(Str()), null),
  config: Default(Nullable(Dict()), null),
});
/** A request that is the provider's to judge. */
export const AnyObject = Dict();

const text = Default(Nullable(Str()), null);
export const ResponsesForm = shape(
  'ResponsesForm',
  {
    model: Str(),
    input: Optional(Nullable(Json())),
    instructions: Optional(Nullable(Str())),
    stream: Optional(Nullable(Bool())),
    max_output_tokens: Optional(Nullable(Int())),
    previous_response_id: Optional(Nullable(Str())),
  },
  { extra: 'keep' },
);
export const ProviderModelForm = shape(
  'ProviderModelForm',
  { model: Str(), instance_id: Optional(Nullable(Str())) },
  { extra: 'keep' },
);
export const ProviderModelQuery = shape('ProviderModelQuery', { model: Str() });
export const ModelNameForm = shape('ModelNameForm', { model: text, name: text }, { extra: 'keep' });
export const PushModelForm = shape('PushModelForm', {
  model: Str(),
  insecure: Optional(Nullable(Bool())),
  stream: Optional(Nullable(Bool())),
});
export const CreateModelForm = shape(
  'CreateModelForm',
  { model: Optional(Nullable(Str())), stream: Optional(Nullable(Bool())), path: Optional(Nullable(Str())) },
  { extra: 'keep' },
);
export const CopyModelForm = shape('CopyModelForm', { source: Str(), destination: Str() });
const TextOrList = Json<string | string[]>();
export const GenerateEmbedForm = shape(
  'GenerateEmbedForm',
  {
    model: Str(),
    input: TextOrList,
    truncate: Optional(Nullable(Bool())),
    options: Optional(Nullable(Dict())),
    keep_alive: Optional(Nullable(Json())),
  },
  { extra: 'keep' },
);
export const GenerateEmbeddingsForm = shape('GenerateEmbeddingsForm', {
  model: Str(),
  prompt: Str(),
  options: Optional(Nullable(Dict())),
  keep_alive: Optional(Nullable(Json())),
});
export const GenerateCompletionForm = shape('GenerateCompletionForm', {
  model: Str(),
  prompt: Optional(Nullable(Str())),
  suffix: Optional(Nullable(Str())),
  images: Optional(Nullable(List(Str()))),
  format: Optional(Nullable(Json())),
  options: Optional(Nullable(Dict())),
  system: Optional(Nullable(Str())),
  template: Optional(Nullable(Str())),
  context: Optional(Nullable(Json())),
  stream: Default(Nullable(Bool()), true),
  raw: Optional(Nullable(Bool())),
  keep_alive: Optional(Nullable(Json())),
});
export const UrlForm = shape('UrlForm', { url: Str() });
