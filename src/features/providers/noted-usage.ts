import { pipeline, Transform } from 'node:stream';
import type { User } from '../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import { createSseReader } from './openai/sse.ts';
import type { ModelEntry, Providers } from './types.ts';

export interface NotedUsage {
  input_tokens: number;
  output_tokens: number;
  total_tokens: number;
}

/** Bytes at the end of a stream that are looked through for its figures. */
const TAIL = 16 * 1024;

/** The same providers; `note` is told of every call that was answered, with the tokens it took. */
export function withNotedUsage(
  providers: Providers,
  note: (user: User, modelId: string, usage: NotedUsage) => void,
): Providers {
  const tell = (user: User, model: ModelEntry, usage: JsonObject | null): void => note(user, model.id, figures(usage));
  return {
    models: (options) => providers.models(options),
    async *stream(model, body, call) {
      let usage: JsonObject | null = null;
      try {
        for await (const parts of providers.stream(model, body, call)) {
          for (const part of parts) if (part.type === 'usage') usage = part.usage;
          yield parts;
        }
      } finally {
        tell(call.user, model, usage);
      }
    },
    async complete(model, body, call) {
      const completion = await providers.complete(model, body, call);
      tell(call.user, model, isObject(completion.usage) ? completion.usage : null);
      return completion;
    },
    async relay(model, body, call) {
      const relay = await providers.relay(model, body, call);
      let tail: Uint8Array = Buffer.alloc(0);
      const out = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          tail = (chunk.length >= TAIL ? chunk : Buffer.concat([tail, chunk])).subarray(-TAIL);
          done(null, chunk);
        },
      });
      pipeline(relay.body, out, () => tell(call.user, model, usageAtEnd(tail)));
      return { ...relay, body: out };
    },
  };
}

/** The figures of the last event that has any. */
function usageAtEnd(tail: Uint8Array): JsonObject | null {
  const reader = createSseReader(TAIL);
  const found = [...reader.push(tail), ...reader.end()]
    .filter(isObject)
    .map(({ usage }) => usage)
    .filter(isObject);
  return found.at(-1) ?? null;
}

function figures(usage: JsonObject | null): NotedUsage {
  const count = (...names: string[]): number => {
    const found = names.map((name) => usage?.[name]).find((value) => typeof value === 'number');
    return typeof found === 'number' ? found : 0;
  };
  const input = count('input_tokens', 'prompt_tokens', 'prompt_eval_count');
  const output = count('output_tokens', 'completion_tokens', 'eval_count');
  return { input_tokens: input, output_tokens: output, total_tokens: count('total_tokens') || input + output };
}
