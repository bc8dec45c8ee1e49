/** Something answers wait at until it is opened; opening lets all who wait pass, later ones wait again. */
export class Gate {
  #waiting: (() => void)[] = [];
  pass(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
  open(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** One delta of a streamed answer; `raw` is written to the wire as it is. */
export interface Piece {
  content?: string;
  reasoning_content?: string;
  tool_calls?: unknown[];
  raw?: string;
}

export interface Script {
  pieces: () => AsyncIterable<Piece>;
  finish: string;
  /** The connection is destroyed after the last piece. */
  cuts?: boolean;
  failure?: { status: number; type: string; text: string };
  /** Members of the message when the answer is not streamed. */
  wholeMessage?: Record<string, unknown>;
}

interface Message {
  role?: string;
  content?: unknown;
}

const TASKS: readonly (readonly [key: string, answer: unknown])[] = [
  ['"title"', { title: 'Scripted Title' }],
  ['"tags"', { tags: ['science', 'testing'] }],
  ['"follow_ups"', { follow_ups: ['What next?', 'Why so?'] }],
  ['"queries"', { queries: ['scripted query'] }],
  ['"prompt"', { prompt: 'A scripted picture' }],
];
const WORDS = 'alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu'.split(' ');

/**
 * What a model answers:
 * `hello`, `echo`, `echo-system` say so; `reasoner` and `think-tags` think first; `tool-user` calls its first tool once;
 * `calls-NAME` calls that tool with the last text of the user as arguments, `loops-NAME` again and again; `plan` makes the calls that
 * text lists, round by round (`[[{ name, arguments }, …], …]`), then says what the tools said, `plan-MS` takes that long for each round;
 * `coder` writes a block of code for the interpreter, then says what it gave;
 * `stream-N-RATE` N words at RATE per second (0: at once); `gate-N` N words, then waits for `release()`, then N more;
 * `cut` breaks the connection, `garbage` sends what is no JSON, `hang` never answers; `fail-429`, `fail-500`, `fail-html`.
 */
export function scriptFor(body: Record<string, unknown>, gate: Gate): Script {
  const messages = (body.messages ?? []) as Message[];
  const all = messages.map(textOf).join('\n');
  const model = String(body.model);
  if (all.includes('### Task:')) {
    const task = TASKS.find(([key]) => all.includes(key));
    if (task) return says(JSON.stringify(task[1]));
  }
  const [kind = '', first = '', second = ''] = model.split('-');
  if (kind === 'stream') return streams(Number(first), Number(second));
  if (kind === 'gate') return gated(Number(first), gate);
  if (kind === 'fail') return fails(first);
  if (model === 'reasoner') return thinks();
  if (model === 'think-tags') return says('<think>First I think. Then I conclude.</think>The answer is 42.');
  if (model === 'echo') return says(`You said: ${textOf(messages.at(-1) ?? {})}`);
  if (model === 'echo-system') return says(`SYSTEM<<${systemOf(messages)}>>`);
  if (model === 'coder') return codes(messages);
  if (model === 'tool-user') return usesTool(body, messages);
  if (kind === 'plan') return plans(messages, Number(first));
  if (kind === 'loops') return callsTool(model.slice('loops-'.length), messages.slice(0, 1));
  if (kind === 'calls') return callsTool(model.slice('calls-'.length), messages);
  if (model === 'cut') return { ...says('This is cut off'), cuts: true };
  if (model === 'garbage')
    return {
      ...says(''),
      pieces: async function* () {
        yield { raw: 'data: {not json\n\n' };
      },
    };
  if (model === 'hang')
    return {
      ...says(''),
      pieces: async function* () {
        await new Promise(() => {});
      },
    };
  return says(`Hello from ${model}.`);
}

function textOf({ content }: Message): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .flatMap((part: { type?: string; text?: string }) => (part.type === 'text' ? [part.text] : []))
    .join('\n');
}

function systemOf(messages: Message[]): string {
  return messages
    .filter(({ role }) => role === 'system')
    .map(textOf)
    .join('\n');
}

function says(text: string): Script {
  return {
    finish: 'stop',
    async *pieces() {
      for (const word of text.match(/\s*\S+|\s+$/g) ?? []) yield { content: word };
    },
  };
}

function thinks(): Script {
  const spoken = says('The answer is 42.');
  return {
    ...spoken,
    async *pieces() {
      for (const word of ['First I think.', ' Then I conclude.']) yield { reasoning_content: word };
      yield* spoken.pieces();
    },
    wholeMessage: { reasoning_content: 'First I think. Then I conclude.' },
  };
}

function word(index: number): string {
  return `${WORDS[index % WORDS.length]}${index} `;
}

function streams(count: number, rate: number): Script {
  return {
    finish: 'stop',
    async *pieces() {
      const began = performance.now();
      for (let i = 0; i < count; i++) {
        const wait = rate === 0 ? 0 : began + ((i + 1) * 1_000) / rate - performance.now();
        if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
        yield { content: word(i) };
      }
    },
  };
}

function gated(count: number, gate: Gate): Script {
  return {
    finish: 'stop',
    async *pieces() {
      for (let i = 0; i < count; i++) yield { content: word(i) };
      await gate.pass();
      for (let i = count; i < 2 * count; i++) yield { content: word(i) };
    },
  };
}

function fails(kind: string): Script {
  const failures: Record<string, Script['failure']> = {
    '429': { status: 429, type: 'application/json', text: '{"error":{"message":"slow down","type":"rate_limit"}}' },
    html: { status: 502, type: 'text/html', text: '<html><body><h1>Bad gateway</h1></body></html>' },
  };
  const failure = failures[kind] ?? {
    status: 500,
    type: 'application/json',
    text: '{"error":{"message":"scripted failure","type":"server_error"}}',
  };
  return { ...says(''), failure };
}

function callsTool(name: string, messages: Message[]): Script {
  const since = messages.slice(messages.findLastIndex(({ role }) => role === 'assistant') + 1);
  const result = since.findLast(({ role }) => role === 'tool');
  if (result) return says(`Tool said: ${textOf(result)}`);
  const given = messages.findLast(({ role }) => role === 'user');
  const call = { index: 0, id: `call_${name}`, type: 'function', function: { name, arguments: textOf(given ?? {}) } };
  return {
    finish: 'tool_calls',
    async *pieces() {
      yield { tool_calls: [call] };
    },
    wholeMessage: { content: null, tool_calls: [call] },
  };
}

function codes(messages: Message[]): Script {
  const given = /<code_interpreter_output>\n([\s\S]*)\n<\/code_interpreter_output>/.exec(textOf(messages.at(-1) ?? {}));
  if (given) return says(`It gave ${given[1]}.`);
  const text =
    'Let me see. <code_interpreter type="code" lang="python">\nprint("hi")\n</code_interpreter> It gives nonsense.';
  return says(text);
}

interface PlannedCall {
  name: string;
  arguments: unknown;
}

function plans(messages: Message[], ms: number): Script {
  const asked = messages.findLastIndex(({ role, content }) => role === 'user' && textOf({ content }).startsWith('[['));
  const since = messages.slice(asked + 1);
  // Earlier rounds may have been summarised: the ids of those that are told say how many there were.
  const ids = since.flatMap((message) => (message as { tool_calls?: { id: string }[] }).tool_calls ?? []);
  const made = Math.max(-1, ...ids.map(({ id }) => Number(/^call_(\d+)_/.exec(id)?.[1] ?? -1))) + 1;
  const rounds = asked < 0 ? [] : (JSON.parse(textOf(messages[asked] ?? {})) as PlannedCall[][]);
  const round = rounds[made];
  if (!round) {
    return says(
      `Tools said: ${since
        .filter(({ role }) => role === 'tool')
        .map(textOf)
        .join(' | ')}`,
    );
  }
  const calls = round.map((call, index) => {
    const text = typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments);
    return { index, id: `call_${made}_${index}`, type: 'function', function: { name: call.name, arguments: text } };
  });
  return {
    finish: 'tool_calls',
    async *pieces() {
      if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
      for (const call of calls) yield { tool_calls: [call] };
    },
    wholeMessage: { content: null, tool_calls: calls },
  };
}

function usesTool(body: Record<string, unknown>, messages: Message[]): Script {
  const results = messages.filter(({ role }) => role === 'tool').map(textOf);
  if (results.length > 0) return says(`Tool said: ${results.join(' | ')}`);
  const [tool] = (body.tools ?? []) as { function: { name: string } }[];
  if (!tool) return says('No tool offered.');
  const call = { index: 0, id: 'call_1', type: 'function', function: { name: tool.function.name, arguments: '{}' } };
  return {
    finish: 'tool_calls',
    async *pieces() {
      yield { tool_calls: [call] };
    },
    wholeMessage: { content: null, tool_calls: [call] },
  };
}
