import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Part } from './part.ts';
import type { Call, ModelEntry, Relay } from './types.ts';

/** The built-in model that says how to connect a real one; it is offered only while nothing else is. */
export const GUIDE_ID = 'loggia-guide';

export const guideEntry: ModelEntry = {
  id: GUIDE_ID,
  name: 'Loggia guide (built in)',
  object: 'model',
  created: 0,
  owned_by: 'loggia',
  connection_type: 'local',
  tags: [],
};

const PACE_MS = 12;

const FOR_ADMIN = `**Loggia is running, and no language model is connected yet.** This answer is a fixed text of the server, streamed the way a real answer would be.

To connect a model, open **Admin Panel → Settings → Connections** and add one of these:

- **An OpenAI-compatible API**: its base URL (for example \`https://api.openai.com/v1\`) and a key. OpenRouter, vLLM, llama.cpp, LM Studio, LiteLLM, Groq, Mistral and many others speak it.
- **Ollama**: the address of a running server, usually \`http://localhost:11434\`. Then pull a model, for example \`ollama pull llama3.2\`.

Or set it where the server starts, and restart:

\`\`\`sh
OPENAI_API_BASE_URL=https://api.openai.com/v1 OPENAI_API_KEY=sk-… bin/loggia serve
OLLAMA_BASE_URL=http://localhost:11434 bin/loggia serve
\`\`\`

\`bin/loggia doctor\` says which providers answer. As soon as one lists a model, this guide goes away.`;

const FOR_USER = `**No language model is connected to this server yet.** This answer is a fixed text of the server, streamed the way a real answer would be.

An administrator can connect one under **Admin Panel → Settings → Connections**: an OpenAI-compatible API or an Ollama server. As soon as one lists a model, this guide goes away.`;

function textFor(call: Call, body: JsonObject): string {
  const messages = Array.isArray(body.messages) ? body.messages : [];
  const task = messages.some(
    (one) => isObject(one) && typeof one.content === 'string' && one.content.includes('### Task:'),
  );
  if (task) return '{}';
  return call.user.role === 'admin' ? FOR_ADMIN : FOR_USER;
}

function words(text: string): string[] {
  return text.match(/\s*\S+/g) ?? [];
}

function usageOf(text: string): JsonObject {
  const count = words(text).length;
  return { prompt_tokens: 0, completion_tokens: count, total_tokens: count };
}

export async function* guideStream(body: JsonObject, call: Call): AsyncGenerator<readonly Part[]> {
  const text = textFor(call, body);
  for (const word of words(text)) {
    if (call.signal.aborted) throw call.signal.reason;
    yield [{ type: 'text', text: word }];
    await pause(PACE_MS, undefined, { signal: call.signal }).catch(() => {});
  }
  yield [
    { type: 'finish', reason: 'stop' },
    { type: 'usage', usage: usageOf(text) },
  ];
}

const head = () => ({
  id: `chatcmpl-${crypto.randomUUID()}`,
  created: Math.floor(Date.now() / 1_000),
  model: GUIDE_ID,
});

export function guideAnswer(body: JsonObject, call: Call): JsonObject {
  const content = textFor(call, body);
  const message = { role: 'assistant', content };
  const choices = [{ index: 0, logprobs: null, finish_reason: 'stop', message }];
  return { ...head(), object: 'chat.completion', choices, usage: usageOf(content) };
}

export function guideRelay(body: JsonObject, call: Call): Relay {
  const own = head();
  const chunk = (delta: JsonObject, finish: string | null) =>
    `data: ${JSON.stringify({ ...own, object: 'chat.completion.chunk', choices: [{ index: 0, logprobs: null, finish_reason: finish, delta }] })}\n\n`;
  async function* lines(): AsyncGenerator<string> {
    for await (const parts of guideStream(body, call)) {
      for (const part of parts) if (part.type === 'text') yield chunk({ content: part.text }, null);
    }
    yield `${chunk({}, 'stop')}data: [DONE]\n\n`;
  }
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream' },
    body: Readable.from(lines(), { objectMode: false }),
  };
}
