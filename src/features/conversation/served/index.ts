import type { FastifyReply } from 'fastify';
import type { JsonObject } from '../../../kernel/json.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import type { Call, Caller, Providers, Relay } from '../../providers/index.ts';
import { providerEntry } from '../prepare/index.ts';
import type { Prepare, Prepared, TurnContext } from '../turn/turn.ts';
import { relayStream } from './relay-stream.ts';

export interface ServedDeps {
  prepare: Prepare;
  providers: Pick<Providers, 'complete' | 'relay'>;
  log: Pick<Log, 'warn'>;
}

/** Completions for API clients: no session, no chat, the answer is the HTTP answer (chat pipeline note, 1.5). */
export interface Served {
  /**
   * The completion as JSON value, or the reply with the provider's stream on it. A provider's refusal is thrown with its own status
   * and body.
   */
  answer(turn: TurnContext, reply: FastifyReply, caller?: Caller): Promise<JsonObject | FastifyReply>;
  /** The completion, or the provider's stream as it comes: for answers in another protocol. */
  open(turn: TurnContext, caller?: Caller): Promise<JsonObject | Relay>;
}

export function createServed({ prepare, providers, log }: ServedDeps): Served {
  return {
    async open(turn, caller) {
      const prepared = await prepare(turn);
      await prepared.release();
      const call: Call = { user: turn.user, signal: turn.signal, metadata: turn.metadata, ...(caller && { caller }) };
      const entry = providerEntry(prepared.model);
      const streams = prepared.body.stream === true;
      return streams ? providers.relay(entry, prepared.body, call) : providers.complete(entry, prepared.body, call);
    },
    async answer(turn, reply, caller) {
      const prepared = await prepare(turn);
      // Calls of tools are the caller's own to make.
      await prepared.release();
      const call: Call = {
        user: turn.user,
        signal: turn.signal,
        metadata: turn.metadata,
        ...(caller && { caller }),
      };
      const entry = providerEntry(prepared.model);
      if (prepared.body.stream !== true) {
        return { ...eventsOf(prepared), ...(await providers.complete(entry, prepared.body, call)) };
      }
      const relay = await providers.relay(entry, prepared.body, call);
      return sendRelay(reply, relay, { log, model: entry.id, head: framesOf(eventsOf(prepared)) });
    },
  };
}

interface SendOptions {
  log: Pick<Log, 'warn'>;
  model: string;
  /** Frames in front of the provider's. */
  head?: string;
}

/** Sends a provider's answer on as it comes. */
export function sendRelay(reply: FastifyReply, relay: Relay, { log, model, head = '' }: SendOptions): FastifyReply {
  const { status, headers, body } = relay;
  reply.code(status).headers(headers);
  const events = isEventStream(headers);
  if (events) reply.header('x-accel-buffering', 'no');
  const onBroken = (error: unknown) => log.warn({ err: error, model }, "a provider's stream broke off");
  return reply.send(relayStream(body, { head: events ? head : '', onBroken }));
}

function isEventStream(headers: Record<string, string>): boolean {
  return (headers['content-type'] ?? '').includes('text/event-stream');
}

/** What the client learns beside the model's answer, each under its own key. */
function eventsOf({ selectedModelId, sources }: Prepared): JsonObject {
  return {
    ...(selectedModelId !== null && { selected_model_id: selectedModelId }),
    ...(sources.length > 0 && { sources }),
  };
}

function framesOf(events: JsonObject): string {
  return Object.entries(events)
    .map(([key, value]) => `data: ${sseJson({ [key]: value })}\n\n`)
    .join('');
}

/** JSON on one line for every reader: some take U+2028, U+2029 and U+0085 for line breaks. */
function sseJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u2028\u2029\u0085]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
