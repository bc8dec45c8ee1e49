import { STATUS_CODES } from 'node:http';
import { type Egress, type Incoming, type Outgoing, refusalText } from '../../kernel/egress/index.ts';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { Credential, User } from '../../kernel/http/principal.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import { type Call, type ProviderKit, trialConnection } from '../providers/index.ts';
import type { Ffmpeg } from './ffmpeg.ts';

/** What everything in this feature stands on. */
export interface EngineDeps {
  settings: Pick<Settings, 'get' | 'dataDir'>;
  config: Config;
  egress: Pick<Egress, 'request' | 'webSocket'>;
  kit: Pick<ProviderKit, 'headers'>;
  log: Pick<Log, 'warn'>;
  /** The machine's programs for sound; null where there are none, or they are not to be used. */
  ffmpeg(): Promise<Ffmpeg | null>;
}

/** On whose behalf an engine is asked. */
export interface Speaker {
  user: User;
  credential: Credential | null;
  signal: AbortSignal;
}

export const bare = (url: string) => url.replace(/\/+$/, '');

/**
 * Asks an engine. Throws `External: …` with the engine's status and message (keys taken out) for any refusal, the 500 of a
 * server that cannot be reached where none answers, and the signal's reason.
 */
export async function ask(
  egress: EngineDeps['egress'],
  url: string,
  outgoing: Outgoing & { signal: AbortSignal },
  secrets: readonly string[],
): Promise<Incoming> {
  let answer: Incoming;
  try {
    answer = await egress.request(url, outgoing);
  } catch (cause) {
    outgoing.signal.throwIfAborted();
    throw new HttpError(500, detail.SERVER_CONNECTION_ERROR, { code: 'audio.unreachable', cause });
  }
  if (answer.status < 400) return answer;
  throw await refusal(answer, secrets);
}

export async function refusal(answer: Incoming, secrets: readonly string[]): Promise<HttpError> {
  const text = await refusalText(answer, secrets);
  return external(answer.status, text || (STATUS_CODES[answer.status] ?? `HTTP ${answer.status}`));
}

export const external = (status: number, text: string, cause?: unknown) =>
  new HttpError(status, `External: ${text}`, { code: 'audio.refused', cause });

/** The JSON of an answer. Throws `External: …` 502 for anything else. */
export async function jsonOf(answer: Incoming, limit?: number): Promise<unknown> {
  return answer.json(limit).catch((cause: unknown) => {
    throw external(502, 'the engine did not answer with JSON', cause);
  });
}

/** Authorization with a key, and who asks where that is told to engines. */
export async function bearer({ kit }: Pick<EngineDeps, 'kit'>, who: Speaker, base: string, key: string) {
  const call: Call = { user: who.user, signal: who.signal, metadata: {}, caller: { credential: who.credential } };
  const { 'Content-Type': _type, ...headers } = await kit.headers(trialConnection('openai', base, key, {}), call);
  return headers;
}

/** Where Azure speaks: the configured address, else that of the region. */
export function azureBase(config: EngineDeps['config']): string {
  const own = bare(config.get('audio.tts.azure.speech_base_url'));
  return own || `https://${config.get('audio.tts.azure.speech_region') || 'eastus'}.tts.speech.microsoft.com`;
}
