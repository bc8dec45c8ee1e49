import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { may } from '../../../kernel/http/access.ts';
import { detail, HttpError } from '../../../kernel/http/errors.ts';
import { type Route, route } from '../../../kernel/http/route.ts';
import { isObject } from '../../../kernel/json.ts';
import { OPENAI_URL } from '../../../kernel/settings/connections.ts';
import { callOf } from '../pass-on.ts';
import { openaiOff, type ProviderRouteDeps } from '../route-deps.ts';

const SPEECH_BYTES = 64 * 1024 * 1024;
const MAX_BODY = 1024 * 1024;

/** Speech by the public OpenAI API, kept by the text it is of (providers note, 3.5). */
export function speechRoute({ kit, config, settings }: ProviderRouteDeps): Route {
  const folder = join(settings.dataDir, 'cache', 'audio', 'speech');
  return route({
    method: 'POST',
    url: '/openai/audio/speech',
    access: may('chat.tts', { status: 403 }),
    rawBody: true,
    bodyLimit: MAX_BODY,
    tag: 'openai',
    handler: async (input) => {
      if (!config.get('openai.enable')) throw openaiOff();
      const raw = Buffer.isBuffer(input.request.body) ? input.request.body : Buffer.alloc(0);
      const file = join(folder, `${createHash('sha256').update(raw).digest('hex')}.mp3`);
      const known = await stat(file).catch(() => null);
      if (!known) {
        const index = config.get('openai.api_base_urls').indexOf(OPENAI_URL);
        const connection = index < 0 ? null : kit.registry.openaiConnection(index);
        if (!connection) throw new HttpError(401, detail.OPENAI_NOT_FOUND);
        const request = { method: 'POST', url: `${connection.url}/audio/speech`, body: raw, headers: {} };
        const answer = await kit.openai.pass(connection, null, request, callOf(input)).catch((error: unknown) => {
          throw error instanceof HttpError ? speechError(error) : error;
        });
        await store(folder, file, await answer.bytes(SPEECH_BYTES));
        await store(folder, file.replace(/\.mp3$/, '.json'), raw);
      }
      const { size } = known ?? (await stat(file));
      input.reply.headers({ 'content-type': 'audio/mpeg', 'content-length': size });
      return input.reply.send(createReadStream(file));
    },
  });
}

/** A refusal in the words this route has always had. */
function speechError(error: HttpError): HttpError {
  const { body } = error;
  if (!isObject(body) || body.error === undefined)
    return new HttpError(error.status, detail.SERVER_CONNECTION_ERROR, { cause: error });
  const text = typeof body.error === 'string' ? body.error : JSON.stringify(body.error);
  return new HttpError(error.status, `External: ${text}`, { cause: error });
}

/** Complete or not at all: a reader never sees half a file. */
async function store(folder: string, file: string, bytes: Buffer): Promise<void> {
  await mkdir(folder, { recursive: true });
  const part = `${file}.${randomUUID()}.part`;
  await writeFile(part, bytes);
  await rename(part, file);
}
