/** What the bytes of a picture say about themselves. */
export interface PictureFacts {
  /** Media type, by the bytes and not by what anybody declared. */
  type: string;
  /** End of a file name, with the dot. */
  extension: string;
  width: number;
  height: number;
  /** Several frames, a turned camera, or colours other than RGB and grey. */
  unusual: boolean;
}

const SIGNATURES: readonly [type: string, extension: string, test: (head: string) => boolean][] = [
  ['image/png', '.png', (head) => head.startsWith('\x89PNG\r\n\x1a\n')],
  ['image/jpeg', '.jpg', (head) => head.startsWith('\xff\xd8\xff')],
  ['image/webp', '.webp', (head) => head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP'],
  ['image/gif', '.gif', (head) => /^GIF8[79]a/.test(head)],
  ['image/avif', '.avif', (head) => head.slice(4, 8) === 'ftyp' && /avi[fs]/.test(head.slice(8, 32))],
];

/** Pixels of a picture that is looked at; its header is read before anything is unpacked. */
const MAX_PIXELS = 128 * 1024 * 1024;

function signatureOf(bytes: Uint8Array) {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 32)).toString('latin1');
  return SIGNATURES.find(([, , test]) => test(head));
}

/** Reads the header of a picture, off the event loop; null when it is none of the known kinds, broken, or too large. */
export async function lookAtPicture(bytes: Uint8Array): Promise<PictureFacts | null> {
  const signature = signatureOf(bytes);
  if (!signature) return null;
  const [type, extension] = signature;
  const sharp = await loadSharp();
  try {
    const { width, height, pages, orientation, space } = await sharp(bytes, {
      limitInputPixels: MAX_PIXELS,
    }).metadata();
    if (!width || !height || width * height > MAX_PIXELS) return null;
    const plain = (pages ?? 1) === 1 && (orientation ?? 1) === 1 && (space === 'srgb' || space === 'b-w');
    return { type, extension, width, height, unusual: !plain || (type === 'image/jpeg' && hasMoreFrames(bytes)) };
  } catch {
    // The library has no kinds of errors; all of them say that these bytes are no picture.
    return null;
  }
}

/** A JPEG file that goes on with further pictures (MPO) says so in its header. */
function hasMoreFrames(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 64 * 1024)).includes('MPF\0');
}

/** The first frame as an upright RGB JPEG. Throws for what cannot be unpacked. */
export async function plainJpeg(bytes: Uint8Array): Promise<Buffer> {
  const sharp = await loadSharp();
  return sharp(bytes, { limitInputPixels: MAX_PIXELS }).rotate().toColourspace('srgb').jpeg({ quality: 95 }).toBuffer();
}

/** Whether every pixel of the first frame can be unpacked, of at most `maxPixels`. */
export async function unpacks(bytes: Uint8Array, maxPixels: number): Promise<boolean> {
  const sharp = await loadSharp();
  try {
    await sharp(bytes, { limitInputPixels: maxPixels, failOn: 'warning' }).stats();
    return true;
  } catch {
    return false;
  }
}

/** Pictures come once: none is kept in memory, and each has one thread. */
async function loadSharp() {
  const { default: sharp } = await import('sharp');
  sharp.cache(false);
  sharp.concurrency(1);
  return sharp;
}
