/** What a stream of server-sent events carries, read from bytes. */
export interface SseReader {
  /** The values that are complete with this chunk; empty once the end mark was seen. */
  push(chunk: Uint8Array): unknown[];
  /** What was left without a line end. */
  end(): unknown[];
  /** Whether `[DONE]` came. */
  readonly done: boolean;
  /** Lines that were no JSON or too long; they are left out. */
  readonly skipped: number;
}

/** Bytes of one line where no limit is set: room for pictures in data URLs. */
const DEFAULT_LIMIT = 64 * 1024 * 1024;

/**
 * Reads JSON values from `data:` lines (also from bare JSON lines, as some servers send errors). Bytes are searched once and
 * decoded once. A value may be spread over the data lines of one event. `limit`: bytes of the longest line that is kept.
 */
export function createSseReader(limit: number | null = null): SseReader {
  const longest = limit ?? DEFAULT_LIMIT;
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  let dropping = false;
  let done = false;
  let skipped = 0;
  /** Data lines of an event that are not JSON yet. */
  let pending = '';

  function keep(bytes: Uint8Array): void {
    if (dropping || bytes.length === 0) return;
    restBytes += bytes.length;
    if (restBytes > longest) {
      dropping = true;
      rest = [];
      restBytes = 0;
      skipped += 1;
      return;
    }
    // A copy: the chunk's memory belongs to whoever read it.
    rest.push(Buffer.from(bytes));
  }

  function take(last: Uint8Array): string {
    if (restBytes === 0) return decode(last);
    const whole = Buffer.concat([...rest, last], restBytes + last.length);
    rest = [];
    restBytes = 0;
    return decode(whole);
  }

  function lines(text: string, found: unknown[]): void {
    let from = 0;
    while (from < text.length && !done) {
      let to = text.indexOf('\n', from);
      if (to < 0) to = text.length;
      const end = to > from && text.charCodeAt(to - 1) === 13 ? to - 1 : to;
      line(text, from, end, found);
      from = to + 1;
    }
  }

  function line(text: string, from: number, to: number, found: unknown[]): void {
    if (from === to) {
      if (pending !== '') {
        pending = '';
        skipped += 1;
      }
      return;
    }
    const isData = text.startsWith('data:', from);
    if (!isData && text.charCodeAt(from) !== 123) return;
    let start = isData ? from + 5 : from;
    if (isData && text.charCodeAt(start) === 32) start += 1;
    if (tooLong(text, start, to)) {
      skipped += 1;
      return;
    }
    data(text.slice(start, to), found);
  }

  function tooLong(text: string, from: number, to: number): boolean {
    if ((to - from) * 3 <= longest) return false;
    return Buffer.byteLength(text.slice(from, to)) > longest;
  }

  function data(value: string, found: unknown[]): void {
    if (value === '[DONE]' || value.trim() === '[DONE]') {
      done = true;
      return;
    }
    const whole = pending === '' ? value : `${pending}\n${value}`;
    try {
      found.push(JSON.parse(whole));
      pending = '';
      return;
    } catch {
      // Not JSON yet: the next data line of this event may complete it, or start a value of its own.
    }
    if (pending !== '') {
      try {
        found.push(JSON.parse(value));
        pending = '';
        skipped += 1;
        return;
      } catch {
        if (whole.length > longest) {
          pending = '';
          skipped += 1;
          return;
        }
      }
    }
    pending = whole;
  }

  return {
    get done() {
      return done;
    },
    get skipped() {
      return skipped;
    },
    push(chunk) {
      const found: unknown[] = [];
      if (done) return found;
      const last = chunk.lastIndexOf(10);
      if (last < 0) {
        keep(chunk);
        return found;
      }
      let from = 0;
      if (dropping) {
        from = chunk.indexOf(10) + 1;
        dropping = false;
      }
      if (last >= from) lines(take(chunk.subarray(from, last + 1)), found);
      keep(chunk.subarray(last + 1));
      return found;
    },
    end() {
      const found: unknown[] = [];
      if (done) return found;
      if (restBytes > 0) lines(take(new Uint8Array()), found);
      if (pending !== '') skipped += 1;
      pending = '';
      return found;
    },
  };
}

function decode(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
