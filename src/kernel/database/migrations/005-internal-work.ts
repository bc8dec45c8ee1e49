import { jsonTextColumn, required, seconds, table, text } from '../columns.ts';
import type { Migration } from './index.ts';

/** Work a conversation has given to sub-agents, and messages that wait until their chat is idle. */
export const tables = {
  loggia_delegation: table(
    {
      /** The hidden chat in which a sub-agent works. */
      chat_id: required(text),
      /** The message in it that is its answer. */
      message_id: required(text),
      user_id: required(text),
      parent_chat_id: required(text),
      /** `foreground`: the call waits; `background`: the answer comes as a message. */
      mode: required(text),
      /** Its id and task, and how the parent was asked: what the message and the reply to it need. */
      data: jsonTextColumn,
      started_at: required(seconds),
    },
    { key: ['chat_id'], indexes: [{ name: 'loggia_delegation_mode_idx', on: ['mode'] }] },
  ),
  loggia_internal_message: table(
    {
      id: required(text),
      chat_id: required(text),
      user_id: required(text),
      /** `subagent` or `timer`. */
      kind: required(text),
      model: required(text),
      content: required(text),
      /** What the message carries in the chat. */
      meta: jsonTextColumn,
      /** How the reply to it is asked for. */
      run: jsonTextColumn,
      created_at: required(seconds),
    },
    { key: ['id'], indexes: [{ name: 'loggia_internal_message_chat_idx', on: ['chat_id'] }] },
  ),
};

export const migration: Migration = { id: '005-internal-work', tables };
