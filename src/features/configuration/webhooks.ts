import { randomUUID } from 'node:crypto';
import { HttpError } from '../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { filterProblem } from './event-catalogue.ts';

export interface WebhookTarget {
  type: 'user' | 'group';
  id: string;
}

/** One address that events are sent to. */
export interface EventWebhook {
  id: string;
  name: string;
  url: string;
  enabled: boolean;
  events: string[];
  /** Null: everyone's events; an empty list: only events of nobody in particular. */
  targets: WebhookTarget[] | null;
  /** Seconds. */
  created_at: number;
  /** Seconds. */
  updated_at: number;
}

export interface WebhookInput {
  name?: string | null | undefined;
  url?: string | null | undefined;
  enabled?: boolean | null | undefined;
  events?: readonly string[] | null | undefined;
  targets?: readonly unknown[] | null | undefined;
}

/** Throws an HttpError when nothing may be sent to the address. */
export type UrlCheck = (url: string) => void | Promise<void>;

const KEY = 'events.webhooks';

/** The stored list; items that are no webhooks are left out (configuration note, 5.8). */
export function listWebhooks(config: Pick<Config, 'get'>): EventWebhook[] {
  return config.get(KEY).flatMap((item) => readWebhook(item) ?? []);
}

function readWebhook(item: JsonObject): EventWebhook | null {
  try {
    return normalise(item, item);
  } catch (error) {
    if (error instanceof HttpError) return null;
    throw error;
  }
}

const refused = (message: string) => new HttpError(400, message);

function normalise(given: JsonObject, stored: JsonObject | null): EventWebhook {
  const now = Math.floor(Date.now() / 1000);
  const id = text(stored?.id) || randomUUID();
  const seconds = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? Math.trunc(value) : now);
  return {
    id,
    name: text(given.name) || (id === 'default' ? 'Default webhook' : 'Webhook'),
    url: text(given.url),
    enabled: typeof given.enabled === 'boolean' ? given.enabled : true,
    events: eventsOf(given.events),
    targets: targetsOf(given.targets),
    created_at: seconds(stored?.created_at),
    updated_at: seconds(stored?.updated_at),
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.trim() : '';
}

function eventsOf(value: unknown): string[] {
  if (value === null || value === undefined) return ['*'];
  if (!Array.isArray(value)) throw refused(`Invalid event: ${String(value)}`);
  const events = value.map((item) => String(item));
  for (const event of events) {
    const problem = filterProblem(event);
    if (problem) throw refused(problem);
  }
  return events.length > 0 ? events : ['*'];
}

function targetsOf(value: unknown): WebhookTarget[] | null {
  if (value === null || value === undefined) return null;
  if (!Array.isArray(value)) throw refused('Invalid targets');
  const targets = new Map<string, WebhookTarget>();
  for (const item of value) {
    if (!isObject(item)) throw refused('Invalid target');
    const { type, id } = item;
    if ((type !== 'user' && type !== 'group') || typeof id !== 'string' || id === '') throw refused('Invalid target');
    targets.set(`${type}:${id}`, { type, id });
  }
  return [...targets.values()];
}

/** Adds a webhook. Throws 400 with the reason. */
export async function addWebhook(
  config: Pick<Config, 'update'>,
  input: WebhookInput,
  checkUrl: UrlCheck,
): Promise<EventWebhook> {
  const webhook = normalise(input as JsonObject, null);
  if (webhook.url) await checkUrl(webhook.url);
  await config.update(KEY, (list) => [...list, { ...webhook }]);
  return webhook;
}

/** Changes the members given. Throws 404 for an unknown id and 400 with the reason. */
export async function changeWebhook(
  config: Pick<Config, 'update'>,
  id: string,
  input: WebhookInput,
  checkUrl: UrlCheck,
): Promise<EventWebhook> {
  if (input.url) await checkUrl(input.url.trim());
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  let changed: EventWebhook | undefined;
  await config.update(KEY, (list) =>
    list.map((item) => {
      if (item.id !== id) return item;
      const next = normalise({ ...item, ...given }, item);
      changed = { ...next, updated_at: Math.floor(Date.now() / 1000) };
      return { ...changed };
    }),
  );
  if (!changed) throw new HttpError(404, 'Webhook not found');
  return changed;
}

/** Throws 404 for an unknown id. */
export async function removeWebhook(config: Pick<Config, 'update' | 'set'>, id: string): Promise<void> {
  let found = false;
  await config.update(KEY, (list) => {
    const rest = list.filter((item) => item.id !== id);
    found = rest.length < list.length;
    return rest;
  });
  if (!found) throw new HttpError(404, 'Webhook not found');
  // Otherwise the next start would bring it back from there.
  if (id === 'default') await config.set({ webhook_url: '' });
}
