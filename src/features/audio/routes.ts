import { may, verified, whileOn } from '../../kernel/http/access.ts';
import { notFound } from '../../kernel/http/errors.ts';
import { sendFile } from '../../kernel/http/file-answer.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import type { Config } from '../../kernel/settings/index.ts';
import type { Voices } from './lists.ts';
import type { createSpeechService } from './speech/service.ts';
import { RECORDING_BYTES, type TranscriptionService } from './transcription/service.ts';

interface AudioRouteDeps {
  config: Pick<Config, 'get'>;
  speech: ReturnType<typeof createSpeechService>;
  transcription: TranscriptionService;
  voices: Voices;
}

const root = '/api/v1/audio';
const TEXT_BYTES = 1024 * 1024;

/** Speech both ways, and what the engines offer (providers note, 14). */
export function audioRoutes({ config, speech, transcription, voices }: AudioRouteDeps): Route[] {
  const hasEngine = () => config.get('audio.tts.engine') !== '';
  return [
    route({
      method: 'POST',
      url: `${root}/speech`,
      access: whileOn(hasEngine, () => notFound(), may('chat.tts', { status: 403 })),
      rawBody: true,
      bodyLimit: TEXT_BYTES,
      handler: async ({ user, credential, signal, request, reply }) => {
        const raw = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const file = await speech({ user, credential, signal }, raw);
        return sendFile(request, reply, file, { precompressed: false });
      },
    }),
    route({
      method: 'POST',
      url: `${root}/transcriptions`,
      access: may('chat.stt', { status: 403 }),
      multipart: true,
      handler: async ({ user, credential, signal, form }) =>
        transcription.ofUpload({ user, credential, signal }, await form({ fileBytes: RECORDING_BYTES })),
    }),
    route({
      method: 'GET',
      url: `${root}/models`,
      access: verified,
      handler: async ({ signal }) => ({ models: await voices.models(signal) }),
    }),
    route({
      method: 'GET',
      url: `${root}/voices`,
      access: verified,
      handler: async ({ signal }) => ({ voices: await voices.voices(signal) }),
    }),
  ];
}
