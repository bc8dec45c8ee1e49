import type { User } from '../../kernel/http/principal.ts';
import type { EventSink } from '../configuration/index.ts';

interface Happening {
  /** Who did it; null: nobody with an account. */
  actor: User | null;
  /** The account it happened to; default: the actor's. */
  id?: string;
  data?: Record<string, unknown>;
  /** Default `api`. */
  source?: string;
}

/** Tells webhooks and functions what happened to an account (realtime note, 9). */
export function announceAccount(events: EventSink, event: string, { actor, id, data, source }: Happening): void {
  const subject = id ?? actor?.id;
  events.publish(event, {
    actor,
    ...(subject !== undefined && { subject: { type: 'user', id: subject } }),
    ...(data && { data }),
    ...(source !== undefined && { source }),
  });
}

/** A new account; `actor` where somebody else made it. */
export function announceCreated(events: EventSink, user: User, source: string, actor: User = user): void {
  announceAccount(events, 'user.created', { actor, id: user.id, data: { role: user.role }, source });
}
