import type { Principal, User } from '../../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { EngineDeps } from '../engine.ts';
import { CallError, texts } from './call-error.ts';
import { type CallVoice, gesturesOf } from './session.ts';

/** A model as far as a call needs it. */
export interface CallModel {
  /** Held by the caller's browser. */
  direct: boolean;
  /** `meta` of its row. */
  meta: unknown;
}

export interface AdmissionDeps extends Pick<EngineDeps, 'config'> {
  /** Whom a session token (no API key) belongs to; null when it does not count. */
  verifyToken(token: string): Promise<Principal | null>;
  mayCall(user: User): Promise<boolean>;
  ownsChat(user: User, chatId: string): Promise<boolean>;
  /** Null: there is no such model on the server; `denied`: the user may not use it. */
  findModel(user: User, id: string): Promise<CallModel | 'denied' | null>;
}

export interface Admission {
  principal: Principal;
  token: string;
  voice: CallVoice;
}

export const AUTH_LENGTH = 8192;

/** Looks at the first message of a call. Throws the CallError that ends it; the first failure counts (providers note, 15.1). */
export async function admit(text: string, deps: AdmissionDeps): Promise<Admission> {
  const message = readAuth(text);
  const { token, chat_id: chatId, model_id: modelId } = message;
  if (typeof token !== 'string' || token === '') throw new CallError('Authentication required');
  const principal = token.startsWith('sk-') ? null : await deps.verifyToken(token);
  if (!principal || !isVerified(principal.user)) throw new CallError('Authentication expired or invalid');
  const { user } = principal;
  if (!deps.config.get('audio.realtime.enabled')) throw new CallError(texts.DISABLED);
  if (!(await deps.mayCall(user))) throw new CallError('Call permission denied');
  if (chatId !== undefined && chatId !== null && chatId !== '') {
    if (typeof chatId !== 'string' || !(await deps.ownsChat(user, chatId))) throw new CallError('Chat not found');
  }
  if (typeof modelId !== 'string' || modelId === '') throw new CallError('Select a chat model');
  const model = await deps.findModel(user, modelId);
  if (model === 'denied') throw new CallError('Chat model access denied');
  if (!model || model.direct) throw new CallError('Bridge requires a server-configured chat model');
  return { principal, token, voice: voiceOf(model, deps.config) };
}

export function isVerified({ role }: User): boolean {
  return role === 'user' || role === 'admin';
}

function readAuth(text: string): JsonObject {
  const invalid = () => new CallError('Invalid authentication message');
  if (text.length > AUTH_LENGTH) throw invalid();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid();
  }
  if (!isObject(value) || value.type !== 'auth') throw invalid();
  return value;
}

function voiceOf({ meta }: CallModel, config: EngineDeps['config']): CallVoice {
  const own = isObject(meta) && isObject(meta.voice) ? meta.voice.voice : undefined;
  const params = config.get('audio.realtime.input_params');
  const voice: CallVoice = {
    model: config.get('audio.realtime.model'),
    voice: (typeof own === 'string' && own) || config.get('audio.realtime.voice'),
    transcriptionModel: config.get('audio.realtime.transcription_model'),
    instructions: config.get('audio.realtime.prompt_template') ?? '',
    inputParams: isObject(params) ? params : {},
    gestures: gesturesOf(meta),
  };
  if (voice.model === '' || voice.voice === '' || voice.transcriptionModel === '') {
    throw new CallError('Configure the Realtime model, voice, and transcription model');
  }
  return voice;
}
