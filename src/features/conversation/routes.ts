import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Database } from '../../kernel/database/index.ts';
import { verified } from '../../kernel/http/access.ts';
import { detail, HttpError, notFound } from '../../kernel/http/errors.ts';
import type { Credential, User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Dict } from '../../kernel/http/shapes.ts';
import type { JsonObject } from '../../kernel/json.ts';
import { findChat, isSavedChatId } from '../chats/index.ts';
import type { Models } from '../models/index.ts';
import type { Caller } from '../providers/index.ts';
import type { Runs } from './run/runs.ts';
import { readChatRequest } from './turn/request.ts';
import { startTurn, type TurnsDeps } from './turn/start.ts';
import type { TurnContext } from './turn/turn.ts';

export interface CompletionDeps {
  turns: TurnsDeps;
  runs: Runs;
  /** Answers a request without a chat: the completion, or the reply with a stream on it. */
  serve(turn: TurnContext, reply: FastifyReply, caller: Caller): Promise<unknown>;
  models: Pick<Models, 'table'>;
  database: Pick<Database, 'db'>;
  /** Whether administrators may look into other people's chats. */
  adminSees: boolean;
}

/** Completions, and the deprecated calls around them (note 1 and 2). */
export function completionRoutes(deps: CompletionDeps): Route[] {
  const completions = (url: string) =>
    route({
      method: 'POST',
      url,
      access: verified,
      body: Dict(),
      tag: 'chat',
      handler: ({ user, body, credential, request, reply, signal }) =>
        complete(deps, { user, body, credential, request, reply, signal }),
    });
  return [
    completions('/api/chat/completions'),
    completions('/api/v1/chat/completions'),
    route({
      method: 'POST',
      url: '/api/chat/completed',
      access: verified,
      body: Dict(),
      tag: 'chat',
      handler: async ({ user, body }) => {
        await checkOwnChat(deps, user, body.chat_id);
        if (typeof body.id !== 'string' || body.id === '') throw new HttpError(400, 'Missing message id');
        await knownModel(deps, body);
        return body;
      },
    }),
    route({
      method: 'POST',
      url: '/api/chat/actions/:action_id',
      access: verified,
      body: Dict(),
      tag: 'chat',
      handler: async ({ user, body, params }) => {
        await checkOwnChat(deps, user, body.chat_id);
        // Actions are functions, and no function is installed.
        throw new HttpError(400, `Action not found: ${(params.action_id ?? '').split('.')[0]}`);
      },
    }),
  ];
}

interface Asked {
  user: User;
  body: JsonObject;
  credential: Credential | null;
  request: FastifyRequest;
  reply: FastifyReply;
  signal: AbortSignal;
}

async function complete(deps: CompletionDeps, asked: Asked): Promise<unknown> {
  const { user, request, reply, signal } = asked;
  const { cookie, 'user-agent': userAgent } = request.headers;
  // Only the server's own scheduler may name an automation: it switches approvals off.
  const body = { ...asked.body, automation_id: null };
  const carried = { credential: asked.credential, cookie, userAgent };
  const caller = { user, userAgent: userAgent ?? null, internal: false, request: carried };
  const started = await startTurn(deps.turns, caller, readChatRequest(body));
  switch (started.mode) {
    case 'runs': {
      const { chatId, drafts } = started;
      return { status: true, task_ids: deps.runs.start(drafts), chat_id: chatId };
    }
    case 'inline': {
      const run = await deps.runs.inline(started.draft);
      return run.completion;
    }
    case 'served':
      return deps.serve({ ...started.turn, signal }, reply, carried);
  }
}

/** These calls are for the chat's owner; chats that are not stored belong to whoever knows them (note 2). */
async function checkOwnChat({ database, adminSees }: CompletionDeps, user: User, chatId: unknown): Promise<void> {
  if (typeof chatId === 'string' && chatId.startsWith('channel:')) {
    throw new HttpError(400, 'Channel chats are not supported on this endpoint');
  }
  if (!isSavedChatId(chatId)) return;
  const chat = await findChat(database.db, chatId);
  const sees = chat !== null && (chat.user_id === user.id || (user.role === 'admin' && adminSees));
  if (!sees) throw notFound(detail.DEFAULT);
}

async function knownModel({ models }: CompletionDeps, { model, model_item }: JsonObject): Promise<void> {
  const direct = typeof model_item === 'object' && model_item !== null && (model_item as JsonObject).direct === true;
  if (direct) return;
  if (typeof model !== 'string' || !(await models.table()).has(model)) throw new HttpError(400, 'Model not found');
}
