import { type CodeItem, isMessageItem, itemText, type MessageItem, type ReasoningItem } from './items.ts';
import { newMessage, newReasoning, type Output, openNative } from './output.ts';
import { createTagFinder, openTail, type StartMatch, type TagPair } from './tags.ts';

/** Characters of code that are shown at first. */
const FIRST_SHOWN = 40;

interface Block {
  tag: TagPair;
  attributes: Record<string, string>;
  /** Blank text before the first visible character; the item is shown with that. */
  blank: string;
  item: MessageItem | ReasoningItem | null;
  code: CodeItem | null;
  /** Characters of code that have been shown. */
  shown: number;
}

/** Text of the model on its way into items: finds tag blocks, holds back what may become a tag. */
export interface TextFlow {
  add(text: string): void;
  /** A block of code is complete: what the model says after it is not heard. */
  readonly halted: boolean;
  /** Lets go of what was held back; at the end of a round, or when something else than text follows. */
  flush(): void;
}

/** `continued`: the message item that new text is appended to (in a part of its own). */
export function createTextFlow(output: Output, tags: readonly TagPair[], continued: MessageItem | null): TextFlow {
  const finder = tags.length > 0 ? createTagFinder(tags) : null;
  const code = tags.filter(({ kind }) => kind === 'code');
  /** Beside native thoughts, tags around thoughts mean nothing. */
  const codeFinder = code.length > 0 ? createTagFinder(code) : null;
  let halted = false;
  let held = '';
  let blank = '';
  let trimNext = false;
  let block: Block | null = null;
  let resume = continued;
  let target: MessageItem | null = null;
  let native = false;

  function visible(text: string): void {
    let shown = text;
    if (!target || output.items.at(-1) !== target) {
      shown = blank + text;
      if (shown.trim() === '' && !resume) {
        blank = trimNext ? '' : shown;
        return;
      }
      if (trimNext) shown = shown.trimStart();
      blank = '';
      trimNext = false;
      target = openMessage();
    }
    if (shown) output.addText(target, shown);
  }

  function openMessage(): MessageItem {
    if (resume && output.items.at(-1) === resume) {
      const item = resume;
      resume = null;
      item.status = 'in_progress';
      output.startPart(item);
      return item;
    }
    resume = null;
    const last = output.items.length > output.base ? output.items.at(-1) : undefined;
    if (isMessageItem(last) && !last._tag_type) return last;
    const item = newMessage(output);
    output.push(item);
    return item;
  }

  function openBlock({ tag, attributes }: StartMatch): void {
    blank = '';
    trimNext = false;
    target = null;
    block = { tag, attributes, blank: '', item: null, code: null, shown: 0 };
    if (tag.kind === 'code') block.code = openCode(tag, attributes);
  }

  function openCode({ start, end }: TagPair, attributes: Record<string, string>): CodeItem {
    const item: CodeItem = {
      type: 'open_webui:code_interpreter',
      id: output.newId('ci'),
      status: 'in_progress',
      start_tag: start,
      end_tag: end,
      attributes,
      lang: attributes.lang ?? 'python',
      code: '',
      output: null,
      started_at: output.now(),
    };
    output.push(item);
    output.added(item);
    return item;
  }

  /** Clients know no growth of code: it is shown each time it has doubled. */
  function inCode(open: Block, item: CodeItem, text: string): void {
    item.code += text;
    if (item.code.length < 2 * Math.max(open.shown, FIRST_SHOWN)) return;
    open.shown = item.code.length;
    output.done(item);
  }

  function inBlock(open: Block, text: string): void {
    if (open.code) {
      inCode(open, open.code, text);
      return;
    }
    if (open.item) {
      if (text) output.addText(open.item, text);
      return;
    }
    const seen = open.blank + text;
    const shown = seen.trimStart();
    if (!shown) {
      open.blank = seen;
      return;
    }
    open.item = blockItem(open);
    output.push(open.item);
    output.added(open.item);
    output.addText(open.item, shown);
  }

  function blockItem({ tag, attributes }: Block): MessageItem | ReasoningItem {
    const reasoning = newReasoning(output, tag.start, tag.end, attributes);
    if (tag.kind === 'reasoning') return reasoning;
    const { start_tag, end_tag, started_at } = reasoning;
    return { ...newMessage(output), _tag_type: 'solution', start_tag, end_tag, attributes, started_at };
  }

  function closeBlock({ item, code }: Block): void {
    block = null;
    if (code) {
      code.code = code.code.trim();
      halted = code.code !== '';
      if (halted) output.done(code);
      else output.drop(code);
    }
    trimNext = true;
    target = null;
    if (!item) return;
    const text = itemText(item);
    const trimmed = text.trimEnd();
    if (trimmed !== text) item.content = [{ type: 'output_text', text: trimmed }];
    if (item.type === 'reasoning') {
      output.closeReasoning(item);
      return;
    }
    item.ended_at = output.now();
    item.status = 'completed';
    output.done(item);
  }

  /** One step through the text at hand; gives what is left to look at. */
  function step(text: string): string | null {
    if (block) {
      const at = text.indexOf(block.tag.end);
      if (at < 0) {
        const open = openTail(text, block.tag.end);
        inBlock(block, text.slice(0, text.length - open));
        held = open > 0 ? text.slice(-open) : '';
        return null;
      }
      inBlock(block, text.slice(0, at));
      const rest = text.slice(at + block.tag.end.length);
      closeBlock(block);
      return rest;
    }
    const looking = native ? codeFinder : finder;
    const found = looking?.find(text) ?? null;
    if (found) {
      if (found.index > 0) visible(text.slice(0, found.index));
      openBlock(found);
      return text.slice(found.index + found.length);
    }
    const open = looking?.open(text) ?? 0;
    if (open < text.length) visible(text.slice(0, text.length - open));
    held = open > 0 ? text.slice(-open) : '';
    return null;
  }

  function flush(): void {
    const text = held;
    held = '';
    if (!text || halted) return;
    if (block) inBlock(block, text);
    else visible(text);
  }

  return {
    flush,
    get halted() {
      return halted;
    },
    add(text) {
      if (halted) return;
      const reasoning = openNative(output);
      if (reasoning) {
        output.closeReasoning(reasoning);
        native = true;
      }
      if (!(native ? codeFinder : finder)) {
        flush();
        visible(text);
        return;
      }
      let rest: string | null = held + text;
      held = '';
      while (rest !== null && rest !== '' && !halted) rest = step(rest);
    },
  };
}
