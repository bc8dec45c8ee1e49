import type { User } from '../../kernel/http/principal.ts';

/** Where changes are announced: webhooks, event functions, notifications (realtime note, 9). Never fails the request. */
export interface EventSink {
  publish(
    event: string,
    details: {
      actor: User | null;
      subject?: { type?: string; id?: string };
      data?: Record<string, unknown>;
      /** What it came from; default `api`. */
      source?: string;
    },
  ): void;
}

/** Announces a change of settings made by `actor`. */
export function announce(
  events: EventSink,
  event: string,
  actor: User,
  subjectId: string,
  data: Record<string, unknown>,
): void {
  events.publish(event, { actor, subject: { id: subjectId }, data });
}
