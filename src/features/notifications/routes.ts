import { may, whileOn } from '../../kernel/http/access.ts';
import { detail, HttpError, notFound } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Dict } from '../../kernel/http/shapes.ts';
import type { JsonObject } from '../../kernel/json.ts';
import type { Config } from '../../kernel/settings/index.ts';
import { catalogue } from '../configuration/index.ts';
import type { Send } from './sender.ts';
import {
  changeTarget,
  NOTIFIED,
  presentTarget,
  readTargets,
  type Target,
  type TargetList,
  writeTargets,
} from './targets.ts';

export interface NotificationRouteDeps {
  config: Pick<Config, 'get'>;
  send: Send;
  /** Throws the HttpError for an address nothing may be sent to. */
  checkUrl(url: string): void | Promise<void>;
  /** Changes a user's settings with the row locked; null: there is no such user. */
  updateSettings(userId: string, change: (settings: unknown) => JsonObject): Promise<JsonObject | null>;
}

const shown = catalogue.filter(({ event }) => NOTIFIED.includes(event));

/** Where users want to be told of events (realtime note, 8). */
export function notificationRoutes(deps: NotificationRouteDeps): Route[] {
  const { config, send, checkUrl } = deps;
  const user = whileOn(
    () => config.get('ui.enable_user_webhooks'),
    () => notFound(),
    may('features.webhooks', { status: 403, detail: detail.ACCESS_PROHIBITED }),
  );
  const url = (rest: string) => `/api/v1/notifications/${rest}`;

  /** Runs with the user's settings locked; gives what the target then is. */
  async function change(user: User, work: (list: TargetList) => Target): Promise<JsonObject> {
    let changed: JsonObject | undefined;
    await deps.updateSettings(user.id, (settings) => {
      const list = readTargets(settings);
      const target = work(list);
      changed = presentTarget(target, list.defaultId);
      return writeTargets(settings, list);
    });
    if (!changed) throw notFound();
    return changed;
  }
  async function check(form: JsonObject): Promise<void> {
    const given = (form.config as JsonObject | undefined)?.url;
    if (typeof given === 'string' && given !== '' && !given.includes('...')) await checkUrl(given.trim());
  }

  return [
    route({
      method: 'GET',
      url: url('events'),
      access: user,
      handler: () => ({
        events: NOTIFIED.flatMap((name) => shown.filter(({ event }) => event === name)).map((entry) => ({
          event: entry.event,
          label: entry.message,
          description: entry.description,
        })),
      }),
    }),
    route({
      method: 'GET',
      url: url('targets'),
      access: user,
      handler({ user }) {
        const { targets, defaultId } = readTargets(user.settings);
        return { targets: targets.map((target) => presentTarget(target, defaultId)) };
      },
    }),
    route({
      method: 'POST',
      url: url('targets'),
      access: user,
      body: Dict(),
      async handler({ user, body }) {
        await check(body);
        return change(user, (list) => {
          const target = changeTarget(body, null, list.targets);
          list.targets.push(target);
          list.defaultId ??= target.id;
          return target;
        });
      },
    }),
    route({
      method: 'PUT',
      url: url('targets/:target_id'),
      access: user,
      body: Dict(),
      async handler({ user, body, params }) {
        await check(body);
        return change(user, (list) => {
          const at = indexOf(list, params.target_id);
          const stored = list.targets[at];
          if (!stored) throw new HttpError(400, 'Notification target not found');
          const target = changeTarget(body, stored, list.targets.toSpliced(at, 1));
          if (list.defaultId === stored.id) list.defaultId = target.id;
          list.targets[at] = target;
          return target;
        });
      },
    }),
    route({
      method: 'DELETE',
      url: url('targets/:target_id'),
      access: user,
      async handler({ user, params }) {
        await change(user, (list) => {
          const target = found(list, params.target_id);
          list.targets = list.targets.filter((one) => one !== target);
          if (list.defaultId === target.id) list.defaultId = list.targets[0]?.id ?? null;
          return target;
        });
        return { ok: true };
      },
    }),
    route({
      method: 'PUT',
      url: url('targets/:target_id/default'),
      access: user,
      handler: ({ user, params }) =>
        change(user, (list) => {
          const target = found(list, params.target_id);
          list.defaultId = target.id;
          return target;
        }),
    }),
    route({
      method: 'POST',
      url: url('targets/:target_id/test'),
      access: user,
      async handler({ user, params }) {
        const target = found(readTargets(user.settings), params.target_id);
        const body = { action: 'test', user_id: user.id };
        try {
          await send(target.config.url, {
            heading: 'Test notification',
            description: 'Notifications reach this address.',
            body,
          });
        } catch (cause) {
          throw new HttpError(400, 'Webhook delivery failed', { cause });
        }
        return { ok: true };
      },
    }),
  ];
}

function indexOf({ targets }: TargetList, id: string | undefined): number {
  return targets.findIndex((one) => one.id.toLowerCase() === id?.toLowerCase());
}

function found(list: TargetList, id: string | undefined): Target {
  const target = list.targets[indexOf(list, id)];
  if (!target) throw notFound();
  return target;
}
