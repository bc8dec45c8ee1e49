import type { Egress } from '../../../kernel/egress/index.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import type { Log } from '../../../kernel/telemetry/log.ts';
import type { Files } from '../../files/index.ts';
import type { TurnContext } from '../turn/turn.ts';
import type { ImageSource } from './inline-images.ts';

export interface ImageSourceDeps {
  files: Pick<Files, 'content'>;
  egress: Pick<Egress, 'request'>;
  config: Pick<Config, 'get'>;
  log: Pick<Log, 'warn'>;
}

const MEGABYTE = 1024 * 1024;
const DEFAULT_MEGABYTES = 25;
const TIMEOUT_MS = 30_000;
const OWN_FILE = /^(?:https?:\/\/[^/]+)?\/api\/v1\/files\/([\w-]+)(?:\/content)?(?:[/?#].*)?$/;
const FILE_ID = /^[\w-]+$/;

/** Pictures for a model: files the user may read, and addresses fetched under the rules for what users choose (note 3.6). */
export function createImageSource({ files, egress, config, log }: ImageSourceDeps): ImageSource {
  const limit = () => (config.get('rag.file.max_size') ?? DEFAULT_MEGABYTES) * MEGABYTE;

  async function ofFile(id: string, turn: TurnContext): Promise<string | null> {
    const found = await files.content(turn.user, id, limit());
    return found ? dataUrl(found.type, found.bytes) : null;
  }

  async function ofAddress(url: string, turn: TurnContext): Promise<string | null> {
    const answer = await egress.request(url, { reach: 'user', signal: turn.signal, timeoutMs: TIMEOUT_MS });
    const type = (answer.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
    if (answer.status !== 200 || !type.startsWith('image/')) {
      answer.discard();
      return null;
    }
    return dataUrl(type, await answer.bytes(limit()));
  }

  return async (url, turn) => {
    const own = OWN_FILE.exec(url)?.[1] ?? (FILE_ID.test(url) ? url : undefined);
    try {
      if (own !== undefined) return await ofFile(own, turn);
      return /^https?:\/\//i.test(url) ? await ofAddress(url, turn) : null;
    } catch (error) {
      turn.signal.throwIfAborted();
      log.warn(
        { err: error, chat: turn.chatId },
        'a picture could not be read for a model; its address is sent instead',
      );
      return null;
    }
  };
}

function dataUrl(type: string, bytes: Buffer): string | null {
  return type.startsWith('image/') ? `data:${type};base64,${bytes.toString('base64')}` : null;
}
