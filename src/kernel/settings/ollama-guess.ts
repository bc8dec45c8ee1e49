import { connect } from 'node:net';
import { ollamaUrls, otherOllamaUrl } from './connections.ts';
import type { Settings } from './load.ts';
import type { SettingName } from './variables/index.ts';

const PATIENCE_MS = 1000;

/** Ollama addresses when no variable names one: the other usual port only where it alone answers (note, 8 step 11). */
export async function guessOllama(settings: Settings): Promise<string[] | null> {
  const text = (name: SettingName) => {
    const value = settings.get(name);
    return Array.isArray(value) ? value.join(';') : String(value ?? '');
  };
  const { urls, guessed } = ollamaUrls(text);
  const [first] = urls;
  if (!guessed || first === undefined) return null;
  const other = otherOllamaUrl(first);
  if (other === first) return null;
  const [answers, otherAnswers] = await Promise.all([reachable(first), reachable(other)]);
  return !answers && otherAnswers ? [other] : null;
}

function reachable(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), timeout: PATIENCE_MS });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => done(true));
    socket.once('timeout', () => done(false));
    socket.once('error', () => done(false));
  });
}
