import type { Variable } from '../variable.ts';
import { auth, ldap, mfa, scim, users } from './accounts.ts';
import { branding, config, general, launcher, paths } from './base.ts';
import { chat, code, tasks } from './chat.ts';
import { database, redis } from './database.ts';
import { features, ui } from './interface.ts';
import { limits } from './limits.ts';
import { audio, images } from './media.ts';
import { forwardHeaders, httpClient, securityHeaders, server, websocket } from './network.ts';
import { oauth } from './oauth.ts';
import { permissions } from './permissions.ts';
import { connections, models, plugins } from './plugins.ts';
import { embedding, rag, ragExtraction, reranking } from './retrieval.ts';
import { integrations, storage } from './storage.ts';
import { audit, logging, telemetry } from './telemetry.ts';
import { vector } from './vector.ts';
import { webFetch, webSearch } from './web.ts';

/** Every variable, by group; the order is that of docs/configuration.md. */
export const groups = {
  launcher,
  general,
  branding,
  paths,
  config,
  logging,
  audit,
  telemetry,
  database,
  redis,
  websocket,
  'http-client': httpClient,
  server,
  'security-headers': securityHeaders,
  'forward-headers': forwardHeaders,
  'rate-limits': limits,
  auth,
  mfa,
  scim,
  ldap,
  users,
  oauth,
  ui,
  features,
  plugins,
  connections,
  models,
  chat,
  tasks,
  code,
  storage,
  integrations,
  'rag-extraction': ragExtraction,
  rag,
  embedding,
  reranking,
  'web-fetch': webFetch,
  'web-search': webSearch,
  images,
  audio,
  vector,
  permissions,
};

export const variables = {
  ...launcher,
  ...general,
  ...branding,
  ...paths,
  ...config,
  ...logging,
  ...audit,
  ...telemetry,
  ...database,
  ...redis,
  ...websocket,
  ...httpClient,
  ...server,
  ...securityHeaders,
  ...forwardHeaders,
  ...limits,
  ...auth,
  ...mfa,
  ...scim,
  ...ldap,
  ...users,
  ...oauth,
  ...ui,
  ...features,
  ...plugins,
  ...connections,
  ...models,
  ...chat,
  ...tasks,
  ...code,
  ...storage,
  ...integrations,
  ...ragExtraction,
  ...rag,
  ...embedding,
  ...reranking,
  ...webFetch,
  ...webSearch,
  ...images,
  ...audio,
  ...vector,
  ...permissions,
};

export type SettingName = keyof typeof variables;

/** Type of a variable's value. */
export type SettingValue<N extends SettingName> = (typeof variables)[N] extends Variable<infer T> ? T : never;
