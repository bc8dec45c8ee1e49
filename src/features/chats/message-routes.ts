import { type Route, route } from '../../kernel/http/route.ts';
import { Bool } from '../../kernel/http/shapes.ts';
import { type ChatPolicies, refusals } from './policies.ts';
import type { Chats } from './service.ts';
import * as shapes from './shapes.ts';

/** Single messages (chats note, 2.3). */
export function messageRoutes({ parts }: Chats, policies: ChatPolicies): Route[] {
  const { messages } = parts;
  const url = '/api/v1/chats/:id/messages/:message_id';
  const access = policies.manage(refusals.prohibited);

  return [
    route({
      method: 'POST',
      url,
      access,
      body: shapes.MessageForm,
      reply: shapes.ChatResponse,
      handler: ({ user, target, params, body }) => messages.edit(user, target, params.message_id ?? '', body),
    }),
    route({
      method: 'DELETE',
      url,
      access,
      reply: shapes.ChatResponse,
      handler: ({ user, target, params }) => messages.remove(user, target, params.message_id ?? ''),
    }),
    route({
      method: 'POST',
      url: `${url}/event`,
      access,
      body: shapes.EventForm,
      reply: Bool(),
      handler: ({ user, target, params, body }) => messages.send(user, target, params.message_id ?? '', body),
    }),
  ];
}
