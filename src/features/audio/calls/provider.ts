import type { RawData, WebSocket } from 'ws';
import { SocketRefused } from '../../../kernel/egress/index.ts';
import type { JsonObject } from '../../../kernel/json.ts';
import { type Call, trialConnection } from '../../providers/index.ts';
import { bare, type EngineDeps } from '../engine.ts';
import { readEvent, realtimeUrl, sendEvent } from '../events-socket.ts';
import type { Admission } from './admission.ts';
import { CallError, texts } from './call-error.ts';
import { sessionUpdate } from './session.ts';

const CONNECT_MS = 15_000;
/** Bytes of one message of the provider. */
const FRAME = 512 * 1024;

/** Opens the session at the voice provider; gives its socket, paused. Throws CallError (providers note, 15.1 and 15.4). */
export async function openProvider(deps: EngineDeps, { principal, voice }: Admission, signal: AbortSignal) {
  const { url, headers } = await targetOf(deps, voice.model, {
    user: principal.user,
    signal,
    metadata: {},
    caller: { credential: principal.credential },
  });
  let socket: WebSocket;
  try {
    socket = await deps.egress.webSocket(url, { headers, handshakeMs: CONNECT_MS, maxPayload: FRAME, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new CallError(handshakeText(error), { cause: error });
  }
  try {
    const next = eventsOf(socket, signal);
    if ((await next()).type !== 'session.created') throw new CallError('Provider did not create a voice session');
    sendEvent(socket, sessionUpdate(voice));
    if ((await next()).type !== 'session.updated') {
      throw new CallError('Provider rejected voice configuration. Check model, voice, and transcription model.');
    }
    return socket;
  } catch (error) {
    socket.terminate();
    throw error;
  }
}

async function targetOf(deps: EngineDeps, model: string, call: Call) {
  const { config } = deps;
  const provider = config.get('audio.realtime.provider');
  const auth = config.get('audio.realtime.auth_type');
  const base = bare(config.get('audio.realtime.openai.api_base_url'));
  const key = config.get('audio.realtime.openai.api_key');
  if (!['openai', 'azure'].includes(provider) || !['api_key', 'microsoft_entra_id'].includes(auth)) {
    throw new CallError('Unsupported Realtime provider or authentication method');
  }
  const entra = auth === 'microsoft_entra_id';
  if (entra && provider !== 'azure') {
    throw new CallError('Microsoft Entra ID requires the Azure OpenAI Realtime provider');
  }
  const url = realtimeUrl(base, model);
  if (url === null) throw new CallError('Invalid Realtime provider URL');
  if (!entra && key === '') throw new CallError('Configure the Realtime API key');
  const connection = trialConnection('openai', base, '', { auth_type: entra ? auth : 'none' });
  const { 'Content-Type': _type, ...headers } = await deps.kit.headers(connection, call);
  if (entra) {
    if (!headers.Authorization) throw new CallError(REJECTED);
    return { url, headers };
  }
  const own: Record<string, string> = provider === 'azure' ? { 'api-key': key } : { Authorization: `Bearer ${key}` };
  return { url, headers: { ...headers, ...own } };
}

const REJECTED = 'Realtime provider authentication rejected. Check the credentials and access.';

function handshakeText(error: unknown): string {
  if (!(error instanceof SocketRefused)) return texts.FAILED;
  if (error.status === 401 || error.status === 403) return REJECTED;
  if (error.status === 404) return 'Realtime endpoint not found. Check the API base URL and deployment name.';
  return texts.FAILED;
}

/** The events of a socket one by one, while it is set up. */
function eventsOf(socket: WebSocket, signal: AbortSignal): () => Promise<JsonObject> {
  const waiting: JsonObject[] = [];
  let ended: Error | null = null;
  let wake = () => {};
  const end = (error: Error) => {
    ended ??= error;
    wake();
  };
  const take = (data: RawData, isBinary: boolean) => {
    waiting.push(readEvent(data, isBinary) ?? {});
    // The next one belongs to whoever listens then.
    socket.pause();
    wake();
  };
  const closed = () => end(new CallError(texts.PROVIDER_CLOSED));
  const aborted = () => end(signal.reason as Error);
  socket.on('message', take).on('close', closed).on('error', closed);
  signal.addEventListener('abort', aborted, { once: true });
  let left = 2;
  return async () => {
    socket.resume();
    while (waiting.length === 0 && !ended) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const event = waiting.shift();
    if (!event) throw ended ?? new CallError(texts.FAILED);
    left -= 1;
    if (left === 0) {
      socket.off('message', take).off('close', closed).off('error', closed);
      signal.removeEventListener('abort', aborted);
    }
    return event;
  };
}
