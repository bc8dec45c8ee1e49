import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { MessageFields } from '../../chats/index.ts';
import type { TurnEvent } from '../turn/turn.ts';

/** Fields of a reply that events fill while it is written (note 5.2). */
export type EventFields = Pick<MessageFields, 'statusHistory' | 'sources' | 'files' | 'embeds'>;

/** Events for those who have the chat open; all others go to every tab of the user (note 11). */
const WATCHERS_ONLY = new Set([
  'response:completion',
  'status',
  'source',
  'citation',
  'files',
  'chat:message:files',
  'embeds',
  'chat:message:embeds',
  'message',
  'chat:message:delta',
  'replace',
  'chat:message',
  'chat:outlet',
  'chat:message:follow_ups',
  'context_compaction',
]);

/** Events that others who have the chat open get too (note 5.1). */
const SHARED = new Set([
  'chat:messages',
  'chat:active',
  'status',
  'source',
  'citation',
  'files',
  'embeds',
  'chat:message:error',
  'chat:tasks:cancel',
  'chat:message:follow_ups',
  'chat:completion',
]);

/** Whether an event is for those who have the chat open only, or for every tab of the user. */
export function isForWatchers({ type, data }: TurnEvent): boolean {
  const last = isObject(data) && (data.done === true || 'error' in data);
  return type === 'chat:completion' ? !last : WATCHERS_ONLY.has(type);
}

/**
 * Lays what an event tells over the fields of the reply. Gives the event as clients need it (lists they replace are sent
 * whole) and the fields it changed.
 */
export function foldEvent(fields: EventFields, event: TurnEvent): { event: TurnEvent; changed: EventFields | null } {
  const { type, data } = event;
  if (!isObject(data)) return { event, changed: null };
  switch (type) {
    case 'status':
      return { event, changed: { statusHistory: [...(fields.statusHistory ?? []), data] } };
    case 'source':
    case 'citation':
      if (data.type !== undefined && data.type !== null) return { event, changed: null };
      return { event, changed: { sources: [...(fields.sources ?? []), data] } };
    case 'files':
      return listed(event, data, 'files', fields.files);
    case 'embeds':
      return listed(event, data, 'embeds', data.replace === true ? [] : fields.embeds);
    case 'chat:message:files':
      // The server's own tools know what they add, not what is there.
      if (Array.isArray(data.added)) {
        const files = [...(fields.files ?? []), ...data.added];
        return { event: { ...event, data: { files } }, changed: { files } };
      }
      return { event, changed: Array.isArray(data.files) ? { files: data.files } : null };
    default:
      return { event, changed: null };
  }
}

function listed(event: TurnEvent, data: JsonObject, key: 'files' | 'embeds', stored: unknown[] | undefined) {
  const added = data[key];
  if (!Array.isArray(added)) return { event, changed: null };
  const list = [...added, ...(stored ?? [])];
  return { event: { ...event, data: { ...data, [key]: list } }, changed: { [key]: list } };
}

/** What others learn of a completion: how the reply grows and ends, nothing of the chat around it (note 5.1). */
const SHARED_MEMBERS = ['output', 'done', 'error', 'usage', 'finish_reason', 'content', 'selected_model_id', 'sources'];

/** An event as others who have the chat open get it; null when it is not theirs. */
export function sharedEvent(event: TurnEvent): TurnEvent | null {
  if (!SHARED.has(event.type)) return null;
  if (event.type !== 'chat:completion' || !isObject(event.data)) return event;
  const { data } = event;
  return {
    ...event,
    data: Object.fromEntries(SHARED_MEMBERS.filter((key) => key in data).map((key) => [key, data[key]])),
  };
}
