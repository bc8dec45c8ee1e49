import { isObject, type JsonObject } from '../../kernel/json.ts';
import { errorText, messageUsage, newId, reasoningText, stopReason, thinkingBlocks } from './answer.ts';

/** Writes the chunks of a chat completion stream as events of the Messages API (providers note, 7.5). */
export interface MessageWriter {
  /** The first frame. */
  start(): string;
  /** The frames a chunk makes; nothing after an error. */
  write(chunk: unknown): string;
  /** The frames that end the stream; nothing after an error. */
  end(): string;
  /** The frame of a failure; the stream is over with it. */
  fail(message: string): string;
}

interface Tool {
  id: string;
  name: string;
  args: string;
  /** Place of its block; null: not begun. */
  block: number | null;
  closed: boolean;
}

type Open = { kind: 'thinking' | 'text'; index: number } | null;

function frame(data: JsonObject): string {
  return `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

export function createMessageWriter(model: string): MessageWriter {
  let next = 0;
  let open: Open = null;
  let hasText = false;
  let failed = false;
  let reason = 'end_turn';
  let usage: JsonObject | null = null;
  /** By call id, in the order they came. */
  const tools = new Map<string, Tool>();
  const lastId = new Map<number, string>();

  function close(): string {
    if (!open) return '';
    const text = frame({ type: 'content_block_stop', index: open.index });
    open = null;
    return text;
  }

  function begin(kind: 'thinking' | 'text'): string {
    if (open?.kind === kind) return '';
    const before = close();
    open = { kind, index: next };
    next += 1;
    return (
      before + frame({ type: 'content_block_start', index: open.index, content_block: { type: kind, [kind]: '' } })
    );
  }

  function delta(kind: 'thinking' | 'text', text: string): string {
    const start = begin(kind);
    const index = open?.index ?? 0;
    return start + frame({ type: 'content_block_delta', index, delta: { type: `${kind}_delta`, [kind]: text } });
  }

  function toolDelta(call: JsonObject): string {
    const place = Number.isInteger(call.index) ? (call.index as number) : 0;
    const given = typeof call.id === 'string' && call.id ? call.id : null;
    const id = given ?? lastId.get(place) ?? newId('toolu');
    lastId.set(place, id);
    const tool = tools.get(id) ?? { id, name: '', args: '', block: null, closed: false };
    tools.set(id, tool);
    const { name, arguments: args } = isObject(call.function) ? call.function : ({} as JsonObject);
    if (typeof name === 'string' && name) tool.name = name;
    const piece = typeof args === 'string' ? args : isObject(args) ? JSON.stringify(args) : '';
    tool.args += piece;
    if (tool.closed || tool.name === '') return '';
    if (tool.block === null) return startTool(tool);
    return piece === '' ? '' : inputDelta(tool, piece) + closeWhenWhole(tool);
  }

  /** Begins the block with whatever of its input is there. */
  function startTool(tool: Tool): string {
    const before = close();
    tool.block = next;
    next += 1;
    const content_block = { type: 'tool_use', id: tool.id, name: tool.name, input: {} };
    const start = frame({ type: 'content_block_start', index: tool.block, content_block });
    if (tool.args === '') return before + start;
    return before + start + inputDelta(tool, tool.args) + closeWhenWhole(tool);
  }

  function inputDelta({ block }: Tool, piece: string): string {
    return frame({
      type: 'content_block_delta',
      index: block,
      delta: { type: 'input_json_delta', partial_json: piece },
    });
  }

  function closeWhenWhole(tool: Tool): string {
    try {
      JSON.parse(tool.args);
    } catch {
      return '';
    }
    return closeTool(tool);
  }

  function closeTool(tool: Tool): string {
    if (tool.closed || tool.block === null) return '';
    tool.closed = true;
    return frame({ type: 'content_block_stop', index: tool.block });
  }

  function choice(value: JsonObject): string {
    let text = '';
    const piece = isObject(value.delta) ? value.delta : {};
    const message = isObject(value.message) ? value.message : {};
    const [block] = thinkingBlocks(piece) ?? thinkingBlocks(message) ?? [];
    const thought =
      reasoningText(piece) || reasoningText(message) || (typeof block?.thinking === 'string' ? block.thinking : '');
    if (thought && !hasText && tools.size === 0) text += delta('thinking', thought);
    const said = piece.content ?? message.content;
    if (typeof said === 'string' && said !== '' && tools.size === 0) {
      hasText = true;
      text += delta('text', said);
    }
    const calls: unknown = piece.tool_calls ?? message.tool_calls;
    for (const call of Array.isArray(calls) ? calls : []) if (isObject(call)) text += toolDelta(call);
    if (typeof value.finish_reason === 'string') reason = stopReason(value.finish_reason);
    return text;
  }

  function fail(message: string): string {
    if (failed) return '';
    failed = true;
    return frame({ type: 'error', error: { type: 'api_error', message } });
  }

  return {
    fail,
    start() {
      const own = {
        id: newId('msg'),
        type: 'message',
        role: 'assistant',
        content: [],
        model,
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 0, output_tokens: 0 },
      };
      return frame({ type: 'message_start', message: own });
    },
    write(chunk) {
      if (failed || !isObject(chunk)) return '';
      if (chunk.error) return fail(errorText(chunk.error));
      usage = messageUsage(chunk.usage) ?? usage;
      const first: unknown = Array.isArray(chunk.choices) ? chunk.choices[0] : null;
      return isObject(first) ? choice(first) : '';
    },
    end() {
      if (failed) return '';
      let text = open?.kind === 'thinking' ? close() : '';
      for (const tool of tools.values()) if (tool.block === null && tool.name !== '') text += startTool(tool);
      text += close();
      for (const tool of tools.values()) text += closeTool(tool);
      const delta = { stop_reason: reason, stop_sequence: null };
      return `${text}${frame({ type: 'message_delta', delta, usage: { output_tokens: 0, ...usage } })}${frame({ type: 'message_stop' })}`;
    },
  };
}
