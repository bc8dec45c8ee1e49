import type { User } from '../../kernel/http/principal.ts';
import type { Send } from './sender.ts';
import { readTargets } from './targets.ts';

/** Tells a user something at one of their targets, the default one where none is named. Gives why it could not, or null. */
export type Notify = (user: User, notice: { title: string; message: string; target: string }) => Promise<string | null>;

export function createNotify(send: Send): Notify {
  return async (user, { title, message, target: wanted }) => {
    const { targets, defaultId } = readTargets(user.settings);
    const usable = targets.filter(({ enabled }) => enabled);
    const id = wanted === '' ? defaultId : wanted;
    const target = usable.find((one) => one.id === id) ?? (wanted === '' ? usable[0] : undefined);
    if (!target) return wanted === '' ? 'The user has set no place for notifications.' : `There is no place ${wanted}.`;
    const heading = title === '' ? 'Notification' : title;
    const body = { action: 'notify', title: heading, message, user_id: user.id };
    try {
      await send(target.config.url, { heading, description: message, body });
      return null;
    } catch {
      // What the address answered is the administrator's business, and no model's.
      return 'The notification could not be delivered.';
    }
  };
}
