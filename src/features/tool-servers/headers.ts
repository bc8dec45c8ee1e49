import type { Settings } from '../../kernel/settings/index.ts';
import { addOwnHeaders, addUserHeaders, type Call, foreignCookies, HeaderSet } from '../providers/index.ts';
import type { ServerConnection } from './connections.ts';

export interface ToolHeaderDeps {
  settings: Pick<Settings, 'get'>;
  /** Names and ids of the groups a user is in, for placeholders. */
  groups(userId: string): Promise<{ ids: string[]; names: string[] }>;
  /** The access token the caller's identity provider gave; null: none. */
  systemToken(call: Call): Promise<string | null>;
  /** The access token a tool server's own authorization server gave the user; null: they have not signed in there. */
  serverToken(connection: ServerConnection, userId: string): Promise<string | null>;
}

/** Builds the headers of a call of a tool server, without its content type (plugins note, 5.3). */
export type ToolHeaders = (connection: ServerConnection, call: Call) => Promise<Record<string, string>>;

export function createToolHeaders(deps: ToolHeaderDeps): ToolHeaders {
  const { settings } = deps;
  return async (connection, call) => {
    const headers = new HeaderSet();
    const token = await tokenOf(deps, connection, call);
    if (token) headers.set('Authorization', `Bearer ${token}`);
    if (connection.forwardCookies && connection.type === 'openapi' && call.caller?.cookie) {
      const cookies = foreignCookies(call.caller.cookie);
      if (cookies) headers.set('Cookie', cookies);
    }
    if (settings.get('ENABLE_FORWARD_USER_INFO_HEADERS')) {
      await addUserHeaders(headers, settings, call);
      const { chat_id: chatId, message_id: messageId } = call.metadata;
      if (isText(chatId)) headers.set(settings.get('FORWARD_SESSION_INFO_HEADER_CHAT_ID'), chatId);
      if (isText(messageId)) headers.set(settings.get('FORWARD_SESSION_INFO_HEADER_MESSAGE_ID'), messageId);
    }
    if (connection.headers) await addOwnHeaders(headers, deps, connection.headers, call);
    return headers.all();
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

async function tokenOf(deps: ToolHeaderDeps, connection: ServerConnection, call: Call): Promise<string | null> {
  switch (connection.authType) {
    case 'none':
      return null;
    case 'session':
      return call.caller?.credential?.token ?? null;
    case 'system_oauth':
      return deps.systemToken(call);
    case 'oauth_2.1':
    case 'oauth_2.1_static':
      return deps.serverToken(connection, call.user.id);
    case 'bearer':
      return connection.key || null;
  }
}
