import type { User } from '../../kernel/http/principal.ts';
import type { Route } from '../../kernel/http/route.ts';
import type { EventSink } from '../configuration/index.ts';
import { type CallsDeps, createCalls } from './calls/calls.ts';
import type { EngineDeps } from './engine.ts';
import { findFfmpeg } from './ffmpeg.ts';
import { createVoices } from './lists.ts';
import { audioRoutes } from './routes.ts';
import { settingsRoutes } from './settings-routes.ts';
import { createSpeechService } from './speech/service.ts';
import { isSupported } from './transcription/kinds.ts';
import { createTranscriptionService } from './transcription/service.ts';

export { gesturesOf } from './calls/session.ts';

export interface AudioDeps extends Omit<EngineDeps & CallsDeps, 'ffmpeg'> {
  events: EventSink;
}

/** Speech, transcription and calls. */
export interface Audio {
  routes: Route[];
  /** What is said in a file; null for a kind that is no recording. Throws HttpError. */
  transcribe(user: User, recording: { path: string; type: string }, signal: AbortSignal): Promise<string | null>;
  /** Removes what an earlier process has left. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export function createAudio(given: AudioDeps): Audio {
  const isSlim = given.settings.get('USE_SLIM_DOCKER');
  const deps = { ...given, ffmpeg: async () => (isSlim ? null : findFfmpeg()) };
  const { config, events } = deps;
  const voices = createVoices(deps);
  const speech = createSpeechService({ ...deps, voices });
  const transcription = createTranscriptionService(deps);
  const calls = createCalls(deps);
  return {
    routes: [
      ...settingsRoutes(deps.settings, config, events),
      ...audioRoutes({ config, speech, transcription, voices }),
    ],
    async transcribe(user, { path, type }, signal) {
      if (!isSupported(type, config.get('audio.stt.supported_content_types') ?? [])) return null;
      return transcription.transcribe({ user, credential: null, signal }, path, null);
    },
    start: transcription.sweep,
    async close() {
      await calls.close();
      await transcription.close();
    },
  };
}
