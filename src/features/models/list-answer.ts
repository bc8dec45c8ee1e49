import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

type Encoding = 'br' | 'gzip';

const brotli = promisify(brotliCompress);
const zip = promisify(gzip);

/** Bytes from which an answer is worth packing. */
const WORTH_PACKING = 500;

/** One answer of the list of models: its JSON text, packed once for each encoding that is asked for. */
export class ListAnswer {
  readonly text: Buffer;
  readonly #packed = new Map<Encoding, Promise<Buffer>>();

  constructor(text: string) {
    this.text = Buffer.from(text);
  }

  /** The encoding to answer a client with; null: none. */
  encodingFor(accepted: string | undefined): Encoding | null {
    if (accepted === undefined || this.text.length < WORTH_PACKING) return null;
    return (
      ENCODINGS.find((encoding) =>
        new RegExp(`(?:^|,)\\s*${encoding}\\s*(?:;\\s*q=(?!0(?:\\.0*)?\\s*(?:,|$))|,|$)`, 'i').test(accepted),
      ) ?? null
    );
  }

  packed(encoding: Encoding): Promise<Buffer> {
    let packed = this.#packed.get(encoding);
    if (!packed) {
      packed =
        encoding === 'br'
          ? brotli(this.text, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } })
          : zip(this.text, { level: 6 });
      this.#packed.set(encoding, packed);
    }
    return packed;
  }
}

const ENCODINGS: readonly Encoding[] = ['br', 'gzip'];
