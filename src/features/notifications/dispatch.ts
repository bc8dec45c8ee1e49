import type { User } from '../../kernel/http/principal.ts';
import type { JsonObject } from '../../kernel/json.ts';
import { createQueues } from '../../kernel/queues.ts';
import type { Config } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import type { Access } from '../access/index.ts';
import { catalogue, type EventSink, type EventWebhook, listWebhooks } from '../configuration/index.ts';
import { createEvent, type EventDetails, type ProductEvent, usersOf } from './event.ts';
import type { Notice, Send } from './sender.ts';
import { NOTIFIED, readTargets } from './targets.ts';

export interface DispatchDeps {
  config: Pick<Config, 'get'>;
  access: Pick<Access, 'groupIds' | 'permissions'>;
  findUser(id: string): Promise<User | null>;
  /** Whether the user is there now, in any process. */
  isPresent(user: User): boolean;
  send: Send;
  log: Log;
  version: string;
  instanceId: string;
}

/** Notices that may wait for one address; more are given up. */
const MAX_WAITING = 1_000;

/** Sends what happens to the installation's webhooks and to where users want to be told (realtime note, 8 and 9.4). */
export function createDispatch(deps: DispatchDeps): EventSink {
  const { config, log, send } = deps;
  const inOrder = createQueues();
  const waiting = new Map<string, number>();

  /** Each address gets its notices in order, one at a time. */
  function post(key: string, url: string, notice: Notice): void {
    const count = waiting.get(key) ?? 0;
    if (count >= MAX_WAITING) {
      log.warn({ webhook: key }, 'a webhook is too slow: a notice is given up');
      return;
    }
    waiting.set(key, count + 1);
    void inOrder(key, () => send(url, notice))
      .catch((error: unknown) => log.warn({ err: error, webhook: key }, 'a webhook could not be told'))
      .finally(() => {
        const left = (waiting.get(key) ?? 1) - 1;
        if (left > 0) waiting.set(key, left);
        else waiting.delete(key);
      });
  }

  async function toWebhooks(event: ProductEvent): Promise<void> {
    const users = usersOf(event);
    for (const webhook of listWebhooks(config)) {
      if (!webhook.enabled || webhook.url === '' || !webhook.events.some((filter) => matches(filter, event.event)))
        continue;
      if (await isMeant(webhook, users, deps.access)) post(`webhook ${webhook.id}`, webhook.url, webhookNotice(event));
    }
  }

  async function toUsers(event: ProductEvent): Promise<void> {
    if (!NOTIFIED.includes(event.event) || !config.get('ui.enable_user_webhooks')) return;
    const notice = userNotice(event, config.get('webui.url'));
    for (const id of usersOf(event)) {
      if (event.event === 'channel.message' && id === event.data.sender_id) continue;
      const user = await deps.findUser(id);
      if (!user || (user.role !== 'admin' && !(await deps.access.permissions(user, 'features.webhooks')))) continue;
      // Whoever reads channels is "there" for every message; only other events wait for absence.
      const isThere = event.event !== 'channel.message' && deps.isPresent(user);
      for (const target of readTargets(user.settings).targets) {
        if (!target.enabled || !target.events.includes(event.event)) continue;
        if (target.delivery === 'away' && isThere) continue;
        post(`target ${user.id} ${target.id}`, target.config.url, notice);
      }
    }
  }

  return {
    publish(name, details: EventDetails) {
      const event = createEvent(name, details, deps);
      Promise.all([toWebhooks(event), toUsers(event)]).catch((error: unknown) =>
        log.error({ err: error, event: name }, 'an event could not be passed on'),
      );
    },
  };
}

function matches(filter: string, event: string): boolean {
  return filter === '*' || filter === event || (filter.endsWith('.*') && event.startsWith(filter.slice(0, -1)));
}

async function isMeant({ targets }: EventWebhook, users: string[], access: Pick<Access, 'groupIds'>): Promise<boolean> {
  if (targets === null) return true;
  if (targets.length === 0) return users.length === 0;
  for (const userId of users) {
    if (targets.some(({ type, id }) => type === 'user' && id === userId)) return true;
    const groups = await access.groupIds(userId);
    if (targets.some(({ type, id }) => type === 'group' && groups.has(id))) return true;
  }
  return false;
}

const entries = new Map(catalogue.map((entry) => [entry.event, entry]));

function webhookNotice(event: ProductEvent): Notice {
  const entry = entries.get(event.event);
  const label = event.message ?? entry?.message ?? event.event;
  const id = event.subject?.id;
  return { heading: id ? `${label} (${id})` : label, description: entry?.description ?? '', body: event };
}

const ACTIONS: Record<string, string> = {
  'chat.finished': 'chat',
  'chat.failed': 'chat_failed',
  'channel.message': 'channel',
};

function userNotice(event: ProductEvent, address: string): Notice {
  const { data } = event;
  const action = ACTIONS[event.event];
  if (action !== undefined) {
    const title = textOf(data.title) || textOf(data.channel_name);
    const message = textOf(data.message) || textOf(data.content) || textOf(data.error);
    const path = textOf(data.url) || (typeof data.chat_id === 'string' ? `${address}/c/${data.chat_id}` : '');
    const heading = action === 'chat' ? title : action === 'channel' ? `#${title}` : 'Chat failed';
    return {
      heading: `**${heading}**`,
      description: `${message}\n${path}`,
      body: { action, message, title, url: path },
    };
  }
  if (event.event === 'calendar.alert') return alertNotice(data);
  const label = entries.get(event.event)?.message ?? event.event;
  return {
    heading: label,
    description: textOf(data.message) || textOf(data.preview) || textOf(data.title),
    body: event,
  };
}

function alertNotice(data: JsonObject): Notice {
  const title = textOf(data.title);
  const body = { action: 'calendar_alert', title, minutes_until: data.minutes_until, event_id: data.event_id };
  return { heading: `**${title}**\nstarting ${textOf(data.starts_in)}`, description: '', body };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
