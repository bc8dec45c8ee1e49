import type { Egress } from '../../kernel/egress/index.ts';
import { toJson } from '../../kernel/http/answer.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';

/** One notification: for people, and for programs. */
export interface Notice {
  heading: string;
  description: string;
  /** What a receiver gets that is no known messenger. */
  body: object;
}

/** Posts a notice. Throws when the address is refused, or the receiver does not answer with success. */
export type Send = (url: string, notice: Notice) => Promise<void>;

interface SenderDeps {
  egress: Pick<Egress, 'request'>;
  /** Of the product, for messengers that show one. */
  name: () => string;
  address: () => string;
  version: string;
}

const TIMEOUT_MS = 30_000;
const DISCORD_MOST = 2_000;
const DISCORD_KEPT = 1_980;

/** Makes the function that posts to webhooks; the form depends on who receives (realtime note, 9.4). */
export function createSender(deps: SenderDeps): Send {
  return async (url, notice) => {
    const answer = await deps.egress.request(url, {
      method: 'POST',
      reach: 'user',
      headers: { 'content-type': 'application/json' },
      body: toJson(formFor(new URL(url), notice, deps)),
      timeoutMs: TIMEOUT_MS,
    });
    answer.discard();
    if (!answer.ok) throw new Error(`The webhook answered with status ${answer.status}.`);
  };
}

function formFor(url: URL, notice: Notice, deps: SenderDeps): object {
  const { hostname } = url;
  if (hostname === 'hooks.slack.com' || hostname === 'chat.googleapis.com') return { text: textOf(notice) };
  if (/^(?:.+\.)?discord(?:app)?\.com$/.test(hostname) && url.pathname.startsWith('/api/webhooks')) {
    const text = textOf(notice);
    return { content: text.length < DISCORD_MOST ? text : `${text.slice(0, DISCORD_KEPT)}... (truncated)` };
  }
  if (hostname === 'webhook.office.com' || hostname.endsWith('.webhook.office.com')) return teamsCard(notice, deps);
  return notice.body;
}

function textOf({ heading, description, body }: Notice): string {
  const { event } = body as { event?: unknown };
  const lines = [
    heading,
    description === heading ? '' : description,
    typeof event === 'string' ? `Event: ${event}` : '',
  ];
  return lines.filter((line) => line !== '').join('\n');
}

function teamsCard({ heading, description, body }: Notice, { name, address, version }: SenderDeps): object {
  const known = body as JsonObject;
  const person = isObject(known.user) ? known.user : isObject(known.actor) ? known.actor : {};
  const facts = Object.entries(person).map(([key, value]) => ({ name: key, value: String(value) }));
  if (description !== '') facts.unshift({ name: 'description', value: description });
  if (typeof known.event === 'string') facts.unshift({ name: 'event', value: known.event });
  const action = typeof known.action === 'string' ? known.action : 'undefined';
  return {
    '@type': 'MessageCard',
    '@context': 'http://schema.org/extensions',
    themeColor: '0076D7',
    summary: heading,
    sections: [
      {
        activityTitle: heading,
        activitySubtitle: `${name()} (${version}) - ${action}`,
        activityImage: `${address()}/static/favicon.png`,
        text: description,
        facts,
        markdown: true,
      },
    ],
  };
}
