import { admin } from '../../kernel/http/access.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, Default, Int, Nullable, Obj, Optional, Str, shape } from '../../kernel/http/shapes.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { announce, type EventSink } from './events.ts';
import { formValues, partialShape, readForm } from './forms.ts';
import { notAnswered, retrievalForm, webForm } from './retrieval-form.ts';

const BASE = '/api/v1/retrieval';

const webShape = partialShape(webForm);
const RetrievalConfigForm = shape('ConfigForm', {
  ...partialShape(retrievalForm).properties,
  web: Optional(Nullable(Obj({ ...webShape.properties, YOUTUBE_LOADER_TRANSLATION: Optional(Nullable(Str())) }))),
});

/** Limits that the empty text takes away. */
const limits = new Set([
  'FILE_MAX_SIZE',
  'FILE_MAX_COUNT',
  'FILE_IMAGE_COMPRESSION_WIDTH',
  'FILE_IMAGE_COMPRESSION_HEIGHT',
]);

/** The settings of retrieval and web search (retrieval note, 4.9). */
export function retrievalRoutes(config: Config, events: EventSink): Route[] {
  // Kept by the process only, as the release it speaks for does.
  let translation: string | null = null;
  const shown = () => ({
    status: true,
    ...readForm(config, retrievalForm),
    web: { ...readForm(config, webForm), YOUTUBE_LOADER_TRANSLATION: translation },
  });
  const answered = () => {
    const { web, ...rest } = shown();
    const visible = (form: object) =>
      Object.fromEntries(Object.entries(form).filter(([name]) => !notAnswered.has(name)));
    return { ...visible(rest), web: visible(web) };
  };
  return [
    route({ method: 'GET', url: `${BASE}/config`, access: admin, handler: shown }),
    route({
      method: 'POST',
      url: `${BASE}/config/update`,
      access: admin,
      body: RetrievalConfigForm,
      handler: async ({ body, user }) => {
        const { web, ...top } = body as Record<string, unknown> & { web?: Record<string, unknown> | null };
        const given = web ?? {};
        if (given.BRAVE_SEARCH_CONTEXT_TOKENS === null) delete given.BRAVE_SEARCH_CONTEXT_TOKENS;
        if (given.YOUTUBE_LOADER_TRANSLATION !== undefined) {
          translation = given.YOUTUBE_LOADER_TRANSLATION as string | null;
        }
        const values = { ...formValues(retrievalForm, changes(top)), ...formValues(webForm, given) };
        await config.put(values);
        announce(events, 'config.updated', user, 'retrieval', { keys: Object.keys(values) });
        return answered();
      },
    }),
    ...embeddingRoutes(config, events),
  ];
}

/** Null leaves a member as it is. */
function changes(top: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const given = Object.entries(top).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, limits.has(name) && value === '' ? null : value]));
}

const remote = { url: Default(Nullable(Str()), null), key: Default(Nullable(Str()), null) };

const EmbeddingModelUpdateForm = shape('EmbeddingModelUpdateForm', {
  openai_config: Default(Nullable(Obj(remote)), null),
  ollama_config: Default(Nullable(Obj(remote)), null),
  azure_openai_config: Default(Nullable(Obj({ ...remote, version: Default(Nullable(Str()), null) })), null),
  RAG_EMBEDDING_ENGINE: Str(),
  RAG_EMBEDDING_MODEL: Str(),
  RAG_EMBEDDING_BATCH_SIZE: Default(Nullable(Int()), 1),
  ENABLE_ASYNC_EMBEDDING: Default(Nullable(Bool()), true),
  RAG_EMBEDDING_CONCURRENT_REQUESTS: Default(Nullable(Int()), 0),
});

const engines = new Set(['', 'ollama', 'openai', 'azure_openai']);

function embeddingRoutes(config: Config, events: EventSink): Route[] {
  const shown = () => ({
    status: true,
    RAG_EMBEDDING_ENGINE: config.get('rag.embedding_engine'),
    RAG_EMBEDDING_MODEL: config.get('rag.embedding_model'),
    RAG_EMBEDDING_BATCH_SIZE: config.get('rag.embedding_batch_size'),
    ENABLE_ASYNC_EMBEDDING: config.get('rag.enable_async_embedding'),
    RAG_EMBEDDING_CONCURRENT_REQUESTS: config.get('rag.embedding_concurrent_requests'),
    openai_config: { url: config.get('rag.openai.api_base_url'), key: config.get('rag.openai.api_key') },
    ollama_config: { url: config.get('rag.ollama.base_url'), key: config.get('rag.ollama.api_key') },
    azure_openai_config: {
      url: config.get('rag.azure_openai.base_url'),
      key: config.get('rag.azure_openai.api_key'),
      version: config.get('rag.azure_openai.api_version'),
    },
  });
  return [
    route({ method: 'GET', url: `${BASE}/embedding`, access: admin, handler: shown }),
    route({
      method: 'POST',
      url: `${BASE}/embedding/update`,
      access: admin,
      body: EmbeddingModelUpdateForm,
      handler: async ({ body, user }) => {
        const engine = body.RAG_EMBEDDING_ENGINE;
        if (!engines.has(engine)) throw new HttpError(500, `[ERROR: Unknown embedding engine: ${engine}]`);
        const { openai_config: openai, ollama_config: ollama, azure_openai_config: azure } = body;
        await config.set({
          'rag.embedding_engine': engine,
          'rag.embedding_model': body.RAG_EMBEDDING_MODEL.trim(),
          'rag.embedding_batch_size': body.RAG_EMBEDDING_BATCH_SIZE ?? 1,
          'rag.enable_async_embedding': body.ENABLE_ASYNC_EMBEDDING ?? true,
          'rag.embedding_concurrent_requests': body.RAG_EMBEDDING_CONCURRENT_REQUESTS ?? 0,
          ...(engine === 'openai' &&
            openai && { 'rag.openai.api_base_url': openai.url ?? '', 'rag.openai.api_key': openai.key ?? '' }),
          ...(engine === 'ollama' &&
            ollama && { 'rag.ollama.base_url': ollama.url ?? '', 'rag.ollama.api_key': ollama.key ?? '' }),
          ...(engine === 'azure_openai' &&
            azure && {
              'rag.azure_openai.base_url': azure.url ?? '',
              'rag.azure_openai.api_key': azure.key ?? '',
              'rag.azure_openai.api_version': azure.version ?? '',
            }),
        });
        announce(events, 'config.updated', user, 'embedding', { engine, model: body.RAG_EMBEDDING_MODEL });
        return shown();
      },
    }),
  ];
}
