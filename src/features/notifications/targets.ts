import { HttpError } from '../../kernel/http/errors.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { nowSeconds } from '../../kernel/time.ts';

/** Events a user can be told of, in the order they are shown. */
export const NOTIFIED = [
  'chat.finished',
  'chat.failed',
  'channel.message',
  'calendar.alert',
  'retrieval.content.process_failed',
];

/** Where a user is told of events; kept in the user's settings (realtime note, 8). */
export interface Target {
  id: string;
  type: 'webhook';
  enabled: boolean;
  events: string[];
  /** `away`: only while the user is not there. */
  delivery: 'away' | 'always';
  config: JsonObject & { url: string };
  /** Seconds. */
  created_at: number;
  updated_at: number;
}

export interface TargetList {
  targets: Target[];
  defaultId: string | null;
}

const refused = (text: string) => new HttpError(400, text);

/** The targets in a user's settings; what is none is left out. An address of earlier releases counts as one for all events. */
export function readTargets(settings: unknown): TargetList {
  const notifications = memberOf(settings, 'notifications');
  const stored = notifications.targets;
  const targets = Array.isArray(stored) ? stored.flatMap((item) => readTarget(item) ?? []) : [];
  const defaultId = typeof notifications.default_target_id === 'string' ? notifications.default_target_id : null;
  const old = notifications.webhook_url ?? memberOf(memberOf(settings, 'ui'), 'notifications').webhook_url;
  if (!Array.isArray(stored) && typeof old === 'string' && old !== '') {
    const now = nowSeconds();
    const times = { created_at: now, updated_at: now };
    targets.push({
      id: 'webhook',
      type: 'webhook',
      enabled: true,
      events: NOTIFIED,
      delivery: 'away',
      config: { url: old },
      ...times,
    });
  }
  return { targets, defaultId };
}

/** Settings with these targets. */
export function writeTargets(settings: unknown, { targets, defaultId }: TargetList): JsonObject {
  const notifications = { ...memberOf(settings, 'notifications'), targets, default_target_id: defaultId };
  return { ...(isObject(settings) ? settings : {}), notifications };
}

function memberOf(value: unknown, name: string): JsonObject {
  const member = isObject(value) ? value[name] : null;
  return isObject(member) ? member : {};
}

function readTarget(item: unknown): Target | null {
  if (!isObject(item) || typeof item.id !== 'string' || !isObject(item.config)) return null;
  if (typeof item.config.url !== 'string' || item.config.url === '') return null;
  const events = Array.isArray(item.events) ? item.events.filter((event) => NOTIFIED.includes(event)) : [];
  const time = (value: unknown) => (typeof value === 'number' ? value : 0);
  return {
    id: item.id,
    type: 'webhook',
    enabled: item.enabled !== false,
    events,
    delivery: item.delivery === 'always' ? 'always' : 'away',
    config: { ...item.config, url: item.config.url },
    created_at: time(item.created_at),
    updated_at: time(item.updated_at),
  };
}

/** A target with what a form says. Throws 400 with the reason. The address is not checked here. */
export function changeTarget(form: JsonObject, stored: Target | null, others: readonly Target[]): Target {
  if ((form.type ?? 'webhook') !== 'webhook') throw refused('Unsupported notification target type');
  const given = isObject(form.config) ? form.config : {};
  const typed = typeof given.url === 'string' ? given.url.trim() : '';
  // The masked address that was shown comes back unchanged.
  const url = stored && (typed === '' || typed.includes('...')) ? stored.config.url : typed;
  if (url === '') throw refused('Webhook URL is required');
  const now = nowSeconds();
  return {
    id: idOf(form.id, url, stored, others),
    type: 'webhook',
    enabled: typeof form.enabled === 'boolean' ? form.enabled : (stored?.enabled ?? true),
    events: form.events === undefined || form.events === null ? (stored?.events ?? []) : eventsOf(form.events),
    delivery: deliveryOf(form.delivery ?? stored?.delivery ?? 'away'),
    config: { ...stored?.config, ...given, url },
    created_at: stored?.created_at ?? now,
    updated_at: now,
  };
}

function eventsOf(value: unknown): string[] {
  if (!Array.isArray(value)) throw refused('events must be a list');
  for (const event of value) {
    if (!NOTIFIED.includes(event)) throw refused(`unsupported notification event: ${String(event)}`);
  }
  return [...new Set(value as string[])];
}

function deliveryOf(value: unknown): Target['delivery'] {
  if (value !== 'away' && value !== 'always') throw refused('Invalid notification delivery mode');
  return value;
}

function idOf(given: unknown, url: string, stored: Target | null, others: readonly Target[]): string {
  const taken = new Set(others.map(({ id }) => id.toLowerCase()));
  const wanted = typeof given === 'string' ? slug(given) : '';
  if (wanted === '' && stored) return stored.id;
  if (wanted !== '' && taken.has(wanted)) throw refused('notification target id already exists');
  const base = wanted || slug(URL.parse(url)?.host ?? '') || 'webhook';
  let id = base;
  for (let count = 2; taken.has(id); count += 1) id = `${base}-${count}`;
  return id;
}

function slug(text: string): string {
  return text
    .trim()
    .replace(/[^a-zA-Z0-9_-]/g, '-')
    .replace(/^-+|-+$/g, '')
    .toLowerCase();
}

/** As its owner sees it: the address is masked, it may carry a secret. */
export function presentTarget(target: Target, defaultId: string | null): JsonObject {
  const { url, ...config } = target.config;
  return { ...target, config: { ...config, url_masked: mask(url) }, is_default: target.id === defaultId };
}

function mask(url: string): string {
  const parsed = URL.parse(url);
  return parsed?.hostname ? `${parsed.protocol}//${parsed.hostname}/...${parsed.pathname.slice(-4)}` : '****';
}
