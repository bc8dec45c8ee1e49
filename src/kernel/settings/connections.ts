import type { SettingName } from './variables/index.ts';

/** Where the OpenAI-compatible and Ollama connections of a new installation come from (configuration note, 8 and 19). */
export const OPENAI_URL = 'https://api.openai.com/v1';

const OLLAMA_PORTS = [11434, 12434] as const;

type Read = (name: SettingName) => string;

/** Keys and URLs paired by position; an empty URL is the public one. */
export function openaiConnections(read: Read): { keys: string[]; urls: string[] } {
  const items = (list: SettingName, single: SettingName) =>
    (read(list) || read(single)).split(';').map((item) => item.trim());
  return {
    keys: items('OPENAI_API_KEYS', 'OPENAI_API_KEY'),
    urls: items('OPENAI_API_BASE_URLS', 'OPENAI_API_BASE_URL').map((url) => url || OPENAI_URL),
  };
}

/** Key of the connection to the public OpenAI API; empty without one. */
export function publicOpenaiKey(read: Read): string {
  const { keys, urls } = openaiConnections(read);
  return keys[urls.indexOf(OPENAI_URL)] ?? '';
}

export interface OllamaUrls {
  urls: string[];
  /** True when nobody named an address: the other usual port may be the right one. */
  guessed: boolean;
}

export function ollamaUrls(read: Read): OllamaUrls {
  const list = read('OLLAMA_BASE_URLS');
  if (list) return { urls: list.split(';').map((item) => item.trim()), guessed: false };
  const single = read('OLLAMA_BASE_URL');
  const guessed = single === '' || single === '/ollama';
  return { urls: [ollamaUrl(single, read)], guessed };
}

function ollamaUrl(single: string, read: Read): string {
  const local = `http://localhost:${OLLAMA_PORTS[0]}`;
  if (read('ENV') === 'prod') {
    if (read('K8S_FLAG')) return 'http://ollama-service.open-webui.svc.cluster.local:11434';
    if (single === '/ollama') {
      return read('USE_OLLAMA_DOCKER').toLowerCase() === 'true' ? local : 'http://host.docker.internal:11434';
    }
  }
  if (single !== '' && single !== '/ollama') return single;
  const old = single === '' ? read('OLLAMA_API_BASE_URL') : '';
  return old.replace(/\/api\/?$/, '') || local;
}

/** The same URL on the other usual port. */
export function otherOllamaUrl(url: string): string {
  return url.replace(`:${OLLAMA_PORTS[0]}`, `:${OLLAMA_PORTS[1]}`);
}
