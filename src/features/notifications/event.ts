import { randomUUID } from 'node:crypto';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { nowSeconds } from '../../kernel/time.ts';
import type { EventSink } from '../configuration/index.ts';

export type EventDetails = Parameters<EventSink['publish']>[1];

/** What has happened, as webhooks get it (realtime note, 9.1). */
export interface ProductEvent {
  schema: string;
  id: string;
  event: string;
  resource: string;
  operation: string;
  created_at: number;
  instance_id: string;
  version: string;
  source: string;
  actor: JsonObject | null;
  subject: { type: string; id: string | null } | null;
  data: JsonObject;
  message: string | null;
}

interface EventOrigin {
  version: string;
  instanceId: string;
}

export function createEvent(name: string, details: EventDetails, { version, instanceId }: EventOrigin): ProductEvent {
  const at = name.lastIndexOf('.');
  const { subject, data } = details;
  const resource = name.slice(0, at);
  return {
    schema: version,
    id: randomUUID(),
    event: name,
    resource,
    operation: name.slice(at + 1),
    created_at: nowSeconds(),
    instance_id: instanceId,
    version,
    source: details.source ?? 'api',
    actor: details.actor && (clean(presentActor(details.actor)) as JsonObject),
    subject: subject ? { type: subject.type ?? resource, id: subject.id ?? null } : null,
    data: clean(data ?? {}) as JsonObject,
    message: null,
  };
}

function presentActor({ id, name, email, role, created_at, updated_at }: User): JsonObject {
  return { id, name, email, role, created_at, updated_at, type: 'user' };
}

/** Ids of the users an event is about or comes from. */
export function usersOf({ actor, subject, data }: ProductEvent): string[] {
  const ids = [actor?.id, subject?.type === 'user' ? subject.id : null, data.user_id, ...listOf(data.user_ids)];
  return [...new Set(ids.filter((id) => typeof id === 'string' && id !== ''))] as string[];
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

const SECRETS = new Set(
  'password hashed_password token access_token refresh_token id_token api_key secret key authorization cookie webhook_token'.split(
    ' ',
  ),
);
const SECRET_END = /_(?:token|secret|api_key|key)$/;
const MAX_TEXT = 1_000;

/** Without members that are secrets; long texts are cut. */
function clean(value: unknown): unknown {
  if (typeof value === 'string') return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}...` : value;
  if (Array.isArray(value)) return value.map(clean);
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([key]) => {
    const name = key.toLowerCase().replaceAll('-', '_');
    return !SECRETS.has(name) && !SECRET_END.test(name);
  });
  return Object.fromEntries(kept.map(([key, member]) => [key, clean(member)]));
}
