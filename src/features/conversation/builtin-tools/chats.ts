import type { Db } from '../../../kernel/database/index.ts';
import { findChat, loadBranch, parseSearch, searchChats } from '../../chats/index.ts';
import { textOf } from '../prepare/index.ts';
import type { TurnContext, TurnTool } from '../turn/turn.ts';
import { countOf, searchParameters, text, tool, whole } from './tool.ts';

/** The user's other chats (plugins note, 4.2). */
export function chatTools({ user, chatId }: Pick<TurnContext, 'user' | 'chatId'>, db: Db): [string, TurnTool][] {
  return [
    tool({
      name: 'search_chats',
      description:
        "Looks for words in the user's earlier chats; gives their ids, titles and what was said around the words.",
      parameters: searchParameters('chats', 5, 'chats changed'),
      required: ['query'],
      run: async (args) => {
        const query = { ...parseSearch(text(args.query)), archived: false };
        const since = whole(args.start_timestamp, Number.NEGATIVE_INFINITY);
        const until = whole(args.end_timestamp, Number.POSITIVE_INFINITY);
        const place = { db, userId: user.id, folderIds: null, find: async () => null };
        const found = await searchChats(place, query, 1);
        return found
          .filter(({ id, updated_at: at }) => id !== chatId && (at ?? 0) >= since && (at ?? 0) <= until)
          .slice(0, countOf(args.count, 5))
          .map(({ id, title, snippet, updated_at }) => ({ id, title, snippet: snippet ?? '', updated_at }));
      },
    }),
    tool({
      name: 'view_chat',
      description: "Reads one of the user's chats from its beginning to where it stands, by the id a search gave.",
      parameters: { chat_id: { type: 'string', description: 'Id of the chat' } },
      required: ['chat_id'],
      run: async (args) => {
        const chat = await findChat(db, text(args.chat_id));
        if (!chat || chat.user_id !== user.id) return { error: 'There is no such chat.' };
        const branch = chat.current_message_id ? await loadBranch(db, chat.id, chat.current_message_id) : [];
        return {
          id: chat.id,
          title: chat.title,
          messages: branch.map(({ role, content }) => ({ role, content: textOf(content) })),
          updated_at: chat.updated_at,
          created_at: chat.created_at,
        };
      },
    }),
  ];
}
