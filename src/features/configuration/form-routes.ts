import { admin, verified } from '../../kernel/http/access.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { List, type TSchema } from '../../kernel/http/shapes.ts';
import { isObject } from '../../kernel/json.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { announce, type EventSink } from './events.ts';
import { type Form, formValues, readForm, shown } from './forms.ts';
import * as shapes from './shapes.ts';

const BASE = '/api/v1/configs';

interface FormPage {
  url: string;
  form: Form;
  shape: TSchema;
  event: string;
  subjectId: string;
  /** What the event tells of the stored values. */
  data: (values: Record<string, unknown>) => Record<string, unknown>;
}

/** The forms of `/api/v1/configs` that store members under their keys and answer with them (configuration note, 3). */
const pages: readonly FormPage[] = [
  {
    url: `${BASE}/connections`,
    form: shapes.connectionsForm,
    shape: shapes.ConnectionsConfigForm,
    event: 'config.connections.updated',
    subjectId: 'connections',
    data: (values) => values,
  },
  {
    url: `${BASE}/code_execution`,
    form: shapes.codeExecutionForm,
    shape: shapes.CodeInterpreterConfigForm,
    event: 'config.code_execution.updated',
    subjectId: 'code_execution',
    data: (values) => ({
      code_execution_enabled: values.ENABLE_CODE_EXECUTION,
      code_execution_engine: values.CODE_EXECUTION_ENGINE,
      code_interpreter_enabled: values.ENABLE_CODE_INTERPRETER,
      code_interpreter_engine: values.CODE_INTERPRETER_ENGINE,
    }),
  },
  {
    url: `${BASE}/models`,
    form: shapes.modelsForm,
    shape: shapes.ModelsConfigForm,
    event: 'config.models.updated',
    subjectId: 'models',
    data: (values) => ({
      default_models: values.DEFAULT_MODELS,
      default_pinned_models: values.DEFAULT_PINNED_MODELS,
      model_order_count: Array.isArray(values.MODEL_ORDER_LIST) ? values.MODEL_ORDER_LIST.length : 0,
    }),
  },
  {
    url: `${BASE}/subagents`,
    form: shapes.subagentsForm,
    shape: shapes.SubagentsConfigForm,
    event: 'config.updated',
    subjectId: 'subagents',
    data: (values) => ({ enabled: values.ENABLE_SUBAGENTS }),
  },
];

export function formRoutes(config: Config, events: EventSink): Route[] {
  return [...pages.flatMap((page) => pageRoutes(page, config, events)), ...listRoutes(config, events)];
}

function pageRoutes(
  { url, form, shape, event, subjectId, data }: FormPage,
  config: Config,
  events: EventSink,
): Route[] {
  return [
    route({ method: 'GET', url, access: admin, reply: shape, handler: () => readForm(config, form) }),
    route({
      method: 'POST',
      url,
      access: admin,
      body: shape,
      reply: shape,
      handler: async ({ body, user }) => {
        await config.put(formValues(form, body as Record<string, unknown>));
        const values = readForm(config, form);
        announce(events, event, user, subjectId, data(values));
        return values;
      },
    }),
  ];
}

function listRoutes(config: Config, events: EventSink): Route[] {
  return [
    route({
      method: 'GET',
      url: `${BASE}/models/defaults`,
      access: verified,
      handler: () => ({ DEFAULT_MODEL_METADATA: shown(config, 'models.default_metadata') }),
    }),
    route({
      method: 'POST',
      url: `${BASE}/suggestions`,
      access: admin,
      body: shapes.SetDefaultSuggestionsForm,
      handler: async ({ body, user }) => {
        const { suggestions } = body;
        const i18n = body.i18n ?? {};
        await config.set({ 'ui.prompt_suggestions': suggestions, 'ui.prompt_suggestions_i18n': i18n });
        announce(events, 'config.suggestions.updated', user, 'suggestions', { count: suggestions?.length ?? 0 });
        return { suggestions, i18n };
      },
    }),
    route({
      method: 'GET',
      url: `${BASE}/banners`,
      access: verified,
      reply: List(shapes.BannerModel),
      handler: () => config.get('ui.banners').map(presentBanner),
    }),
    route({
      method: 'POST',
      url: `${BASE}/banners`,
      access: admin,
      body: shapes.SetBannersForm,
      reply: List(shapes.BannerModel),
      handler: async ({ body, user }) => {
        await config.set({ 'ui.banners': body.banners });
        announce(events, 'config.banners.updated', user, 'banners', { count: body.banners.length });
        return body.banners;
      },
    }),
    route({
      method: 'POST',
      url: `${BASE}/interface/visibility`,
      access: admin,
      body: shapes.InterfaceVisibilityForm,
      handler: async ({ body, user }) => {
        await config.set({ 'ui.visibility': body.visibility });
        announce(events, 'config.updated', user, 'interface', { keys: ['ui.visibility'] });
        return body;
      },
    }),
  ];
}

/** A stored banner may be of any age: what it lacks is filled in. */
function presentBanner(banner: Readonly<Record<string, unknown>>) {
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return {
    i18n: isObject(banner.i18n) ? banner.i18n : null,
    id: text(banner.id),
    type: text(banner.type),
    title: typeof banner.title === 'string' ? banner.title : null,
    content: text(banner.content),
    dismissible: banner.dismissible === true,
    timestamp: typeof banner.timestamp === 'number' ? Math.trunc(banner.timestamp) : 0,
  };
}
