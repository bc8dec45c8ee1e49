import { HttpError } from '../../../kernel/http/errors.ts';
import type { User } from '../../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import { lookAtPicture, unpacks } from '../../../kernel/pictures.ts';
import { ANIMATION_BYTES, checkAnimationFile } from './animation-file.ts';
import { AVATAR_BYTES, checkAvatarFile } from './avatar-file.ts';
import { refuse } from './container.ts';

export interface MediaDeps {
  files: {
    /** Ids of those the user may not read. */
    unreadable(user: User, ids: readonly string[]): Promise<string[]>;
    /** Null: none the user may read, or longer than `maxBytes`. */
    content(user: User, id: string, maxBytes: number): Promise<{ type: string; bytes: Buffer } | null>;
    /** Corrects the media type a file is served with. */
    setType(id: string, type: string): Promise<void>;
  };
}

/** Looks at the files a model is to show, where they differ from those it shows already. Throws 400 and 403. */
export type MediaCheck = (user: User, next: JsonObject, before: JsonObject | null) => Promise<void>;

const BACKGROUND_BYTES = 5 * 1024 * 1024;
const BACKGROUND_PIXELS = 25_000_000;
const BACKGROUNDS = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif']);

/** Avatars, their movements and backgrounds of models (providers note, 16). */
export function createMediaCheck({ files }: MediaDeps): MediaCheck {
  async function checkAvatar(user: User, next: JsonObject, before: JsonObject | null): Promise<void> {
    const avatar = isObject(next.voice_avatar) ? next.voice_avatar : null;
    if (!avatar) return;
    const known = isObject(before?.voice_avatar) ? before.voice_avatar : {};
    const avatarId = String(avatar.file_id);
    const clips = clipsOf(avatar);
    if (clips.has(avatarId)) throw refuse('An animation must be a VRMA file, not the avatar.');
    if (avatarId !== known.file_id) {
      const bytes = await read(user, avatarId, AVATAR_BYTES, 'Avatar must be at most 25 MiB.');
      await checkAvatarFile(bytes);
    }
    const knownClips = clipsOf(known);
    for (const id of clips) {
      if (knownClips.has(id)) continue;
      checkAnimationFile(await read(user, id, ANIMATION_BYTES, 'Animation must be at most 10 MiB.'));
    }
  }

  async function read(user: User, id: string, maxBytes: number, tooLarge: string): Promise<Buffer> {
    if ((await files.unreadable(user, [id])).length > 0) {
      throw new HttpError(403, 'Avatar or animation file is not accessible. Upload it again.');
    }
    const found = await files.content(user, id, maxBytes);
    if (!found) throw refuse(tooLarge);
    return found.bytes;
  }

  async function checkBackground(user: User, next: JsonObject, before: JsonObject | null): Promise<void> {
    const { background_image_url: url } = next;
    const id = typeof url === 'string' ? /\/files\/([\w-]+)\/content$/.exec(url)?.[1] : undefined;
    if (id === undefined || url === before?.background_image_url) return;
    if ((await files.unreadable(user, [id])).length > 0) {
      throw new HttpError(403, 'Background image is not accessible.');
    }
    const found = await files.content(user, id, BACKGROUND_BYTES);
    const facts = found && (await lookAtPicture(found.bytes));
    const fits = facts && BACKGROUNDS.has(facts.type) && facts.width * facts.height <= BACKGROUND_PIXELS;
    if (!found || !fits || !(await unpacks(found.bytes, BACKGROUND_PIXELS))) {
      throw refuse('Background image must be a PNG, JPEG, WebP or GIF of at most 5 MiB and 25 megapixels.');
    }
    if (found.type !== facts.type) await files.setType(id, facts.type);
  }

  return async (user, next, before) => {
    await checkAvatar(user, next, before);
    await checkBackground(user, next, before);
  };
}

function clipsOf({ states, gestures }: JsonObject): Set<string> {
  const clips = [
    ...(isObject(states) ? Object.values(states) : []),
    ...(Array.isArray(gestures) ? (gestures as unknown[]) : []),
  ];
  return new Set(clips.flatMap((clip) => (isObject(clip) && typeof clip.file_id === 'string' ? [clip.file_id] : [])));
}
