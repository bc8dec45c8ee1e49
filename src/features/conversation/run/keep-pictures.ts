import type { Log } from '../../../kernel/telemetry/log.ts';
import type { Files } from '../../files/index.ts';
import type { TurnContext } from '../turn/turn.ts';
import type { Keep } from './tool-result.ts';

const DATA_URL = /^data:([\w.+-]+\/[\w.+-]+);base64,/;

/** Keeps what tools give inline as files of the user, so that the chat holds addresses only; what cannot be kept stays inline. */
export function createKeeper({ files, log }: { files: Pick<Files, 'keep'>; log: Pick<Log, 'warn'> }) {
  return ({ user, chatId, replyId }: TurnContext): Keep =>
    async (dataUrl) => {
      const found = DATA_URL.exec(dataUrl);
      const type = found?.[1];
      if (!found || type === undefined) return dataUrl;
      const bytes = Buffer.from(dataUrl.slice(found[0].length), 'base64');
      const [kind, format = 'bin'] = type.split('/');
      const name = `${kind}.${format.replace('svg+xml', 'svg').replace('jpeg', 'jpg')}`;
      try {
        const metadata = { chat_id: chatId, message_id: replyId };
        const { id } = await files.keep(user, { name, type, bytes, metadata });
        return `/api/v1/files/${id}/content`;
      } catch (error) {
        log.warn({ err: error, chat: chatId }, "a tool's picture could not be stored; it stays in the chat itself");
        return dataUrl;
      }
    };
}
