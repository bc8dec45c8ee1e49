import type { Access } from './features/access/index.ts';
import type { Accounts } from './features/accounts/index.ts';
import { type Audio, type AudioDeps, createAudio } from './features/audio/index.ts';
import { createImages, type Images, type ImagesDeps } from './features/images/index.ts';
import type { Models } from './features/models/index.ts';

interface MediaDeps
  extends Pick<AudioDeps, 'settings' | 'config' | 'egress' | 'kit' | 'events' | 'log' | 'realtime'>,
    Pick<ImagesDeps, 'files'> {
  access: Access;
  accounts: Pick<Accounts, 'verifyToken' | 'onUserChanged' | 'onSignOut'>;
  models: Pick<Models, 'table' | 'resolve'>;
  ownsChat: AudioDeps['ownsChat'];
}

interface Media {
  audio: Audio;
  images: Images;
}

/** Part of the composition root: pictures, speech and calls. */
export function createMedia({ accounts, access, models, ownsChat, ...deps }: MediaDeps): Media {
  const audio = createAudio({
    ...deps,
    verifyToken: accounts.verifyToken,
    onUserChanged(listener) {
      const ends = [accounts.onUserChanged(listener), accounts.onSignOut(listener)];
      return () => {
        for (const end of ends) end();
      };
    },
    mayCall: async (user) => user.role === 'admin' || (await access.permissions(user, 'chat.call')),
    ownsChat,
    async findModel(user, id) {
      const entry = (await models.table()).get(id);
      if (!entry) return null;
      const model = await models.resolve(user, id);
      return model ? { direct: entry.direct === true, meta: model.row?.meta } : 'denied';
    },
  });
  return { audio, images: createImages({ ...deps, access }) };
}
