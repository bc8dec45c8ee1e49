import { isMessageItem, itemText, type MessageItem, type ReasoningItem } from './items.ts';
import { newMessage, newReasoning, type Output, openNative } from './output.ts';
import { createTagFinder, openTail, type StartMatch, type TagPair } from './tags.ts';

interface Block {
  tag: TagPair;
  attributes: Record<string, string>;
  /** Blank text before the first visible character; the item is shown with that. */
  blank: string;
  item: MessageItem | ReasoningItem | null;
}

/** Text of the model on its way into items: finds tag blocks, holds back what may become a tag. */
export interface TextFlow {
  add(text: string): void;
  /** Lets go of what was held back; at the end of a round, or when something else than text follows. */
  flush(): void;
}

/** `continued`: the message item that new text is appended to (in a part of its own). */
export function createTextFlow(output: Output, tags: readonly TagPair[], continued: MessageItem | null): TextFlow {
  const finder = tags.length > 0 ? createTagFinder(tags) : null;
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
    block = { tag, attributes, blank: '', item: null };
  }

  function inBlock(open: Block, text: string): void {
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

  function closeBlock({ item }: Block): void {
    block = null;
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
    const found = finder?.find(text) ?? null;
    if (found) {
      if (found.index > 0) visible(text.slice(0, found.index));
      openBlock(found);
      return text.slice(found.index + found.length);
    }
    const open = finder?.open(text) ?? 0;
    if (open < text.length) visible(text.slice(0, text.length - open));
    held = open > 0 ? text.slice(-open) : '';
    return null;
  }

  function flush(): void {
    const text = held;
    held = '';
    if (!text) return;
    if (block) inBlock(block, text);
    else visible(text);
  }

  return {
    flush,
    add(text) {
      const reasoning = openNative(output);
      if (reasoning) {
        output.closeReasoning(reasoning);
        native = true;
      }
      if (native || !finder) {
        flush();
        visible(text);
        return;
      }
      let rest: string | null = held + text;
      held = '';
      while (rest !== null && rest !== '') rest = step(rest);
    },
  };
}
