import type { Db } from '../../kernel/database/index.ts';
import { type Access, both, may, on, resource } from '../../kernel/http/access.ts';
import { detail, HttpError, notFound, prohibited } from '../../kernel/http/errors.ts';
import type { User } from '../../kernel/http/principal.ts';
import type { ChatGuard } from './access.ts';
import { type ChatHead, findChat } from './store.ts';

type OnChat = Access<User, ChatHead>;

/** Answers that clients know for chats that are not there or not theirs; they differ by route. */
export const refusals = {
  prohibited: () => prohibited(),
  unknown: () => new HttpError(401, detail.NOT_FOUND, { code: 'chat.hidden' }),
  wrong: () => new HttpError(401, detail.DEFAULT, { code: 'chat.hidden' }),
  missing: () => notFound(),
};

/** Access policies on the chat a route names. */
export function chatPolicies(db: Db, guard: ChatGuard) {
  const chat = (refuse: () => HttpError) =>
    resource<ChatHead>({
      name: 'chat',
      load: (id) => findChat(db, id),
      async allows(user, head, right) {
        if (head.user_id === user.id || right === 'any') return true;
        if (right === 'read') return (await guard.rights(user, head)).read !== null;
        return right === 'manage' && guard.oversees(user);
      },
      missing: refuse,
      denied: refuse,
    });
  return {
    own: (refuse: () => HttpError): OnChat => on(chat(refuse), 'own'),
    /** The owner, and administrators who see all chats. */
    manage: (refuse: () => HttpError): OnChat => on(chat(refuse), 'manage'),
    read: (refuse: () => HttpError): OnChat => on(chat(refuse), 'read'),
    /** Whoever calls; the handler decides. */
    any: (refuse: () => HttpError): OnChat => on(chat(refuse), 'any'),
    remove: both(may('chat.delete'), on(chat(refusals.missing), 'manage')),
    share: both(may('chat.share'), on(chat(refusals.prohibited), 'own')),
    copy: both(may('chat.import', { status: 403, detail: detail.ACCESS_PROHIBITED }), on(chat(refusals.wrong), 'own')),
  };
}

export type ChatPolicies = ReturnType<typeof chatPolicies>;
