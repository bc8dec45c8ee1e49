import { Readable } from 'node:stream';

/** What a client is told when the provider's stream breaks off, in a form its SSE reader takes wherever the break was. */
const BROKEN = '\n\ndata: {"error": {"message": "Chat completion stream failed"}}\n\ndata: [DONE]\n\n';

interface RelayOptions {
  /** Sent before the first byte of the source. */
  head?: string;
  /** Told why the source broke off. Not called when the reader went away. */
  onBroken: (error: unknown) => void;
}

/**
 * Passes bytes through as they come: reads no faster than it is read, ends the source when the reader goes away, and ends in words
 * instead of a cut connection when the source breaks off.
 */
export function relayStream(source: Readable, { head, onBroken }: RelayOptions): Readable {
  const relayed = new Readable({
    read() {
      source.resume();
    },
    destroy(error, done) {
      source.destroy();
      done(error);
    },
  });
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    relayed.push(null);
  };
  const broken = (error: unknown): void => {
    if (over || relayed.destroyed) return;
    onBroken(error);
    relayed.push(BROKEN);
    end();
  };
  source.on('data', (chunk: Buffer) => {
    if (!over && !relayed.push(chunk)) source.pause();
  });
  source.on('end', end);
  source.on('error', broken);
  source.on('close', () => {
    if (!source.readableEnded) broken(new Error('The stream was closed before its end.'));
  });
  if (head) relayed.push(head);
  return relayed;
}
