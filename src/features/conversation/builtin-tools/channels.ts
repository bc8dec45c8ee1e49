import type { ChannelLookup } from '../../channels/index.ts';
import type { TurnContext, TurnTool } from '../turn/turn.ts';
import { countOf, nanoseconds, searchParameters, text, tool } from './tool.ts';

const SNIPPET = 300;

const ABSENT = { error: 'There is no such message, or it is not the user’s to read.' };

/** The channels the user may read (plugins note, 4.3). */
export function channelTools({ user }: Pick<TurnContext, 'user'>, channels: ChannelLookup): [string, TurnTool][] {
  return [
    tool({
      name: 'search_channels',
      description: 'Looks for channels by words of their names and descriptions.',
      parameters: {
        query: { type: 'string', description: 'The words' },
        count: { type: 'integer', description: 'How many at most', default: 5 },
      },
      required: ['query'],
      run: async (args) => {
        const wanted = text(args.query).trim().toLowerCase();
        const rows = await channels.channels(user);
        return rows
          .filter(({ name, description }) => `${name ?? ''}\n${description ?? ''}`.toLowerCase().includes(wanted))
          .slice(0, countOf(args.count, 5))
          .map(({ id, name, description, type }) => ({ id, name, description, type }));
      },
    }),
    tool({
      name: 'search_channel_messages',
      description: 'Looks for words in what was written in channels.',
      parameters: searchParameters('messages', 10),
      required: ['query'],
      run: async (args) => {
        const query = text(args.query).trim();
        if (query === '') return { error: 'Give the words to look for.' };
        const bounds = { since: nanoseconds(args.start_timestamp), until: nanoseconds(args.end_timestamp) };
        const found = await channels.messages(user, { query, count: countOf(args.count, 10), ...bounds });
        return found.map(({ channel, message }) => ({
          channel_id: channel.id,
          channel_name: channel.name,
          message_id: message.id,
          content_snippet: (message.content ?? '').slice(0, SNIPPET),
          is_thread_reply: message.parent_id !== null,
          parent_id: message.parent_id,
          created_at: message.created_at,
        }));
      },
    }),
    tool({
      name: 'view_channel_message',
      description: 'Reads one message of a channel by the id a search gave.',
      parameters: { message_id: { type: 'string', description: 'Id of the message' } },
      required: ['message_id'],
      run: async (args) => {
        const found = await channels.message(user, text(args.message_id));
        if (!found) return ABSENT;
        const { channel, message, replies, author } = found;
        const { id, content, user_id, parent_id, created_at, updated_at } = message;
        return {
          ...{ id, channel_id: channel.id, channel_name: channel.name, content, user_id },
          ...{ is_thread_reply: parent_id !== null, parent_id, reply_count: replies, created_at, updated_at },
          ...(author !== null && { user_name: author }),
        };
      },
    }),
    tool({
      name: 'view_channel_thread',
      description: 'Reads a message of a channel with all answers to it, oldest first.',
      parameters: { parent_message_id: { type: 'string', description: 'Id of the message that was answered' } },
      required: ['parent_message_id'],
      run: async (args) => {
        const parentId = text(args.parent_message_id);
        const thread = await channels.thread(user, parentId);
        if (!thread) return ABSENT;
        return {
          channel_id: thread.channel.id,
          channel_name: thread.channel.name,
          thread_id: parentId,
          message_count: thread.messages.length,
          messages: thread.messages.map(({ id, content, user_id, reply_to_id, created_at }) => ({
            ...{ id, content, user_id, user_name: thread.names.get(user_id ?? '') ?? null, is_parent: id === parentId },
            ...(reply_to_id !== null && { reply_to_id }),
            created_at,
          })),
        };
      },
    }),
  ];
}
