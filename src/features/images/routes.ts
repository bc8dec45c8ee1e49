import { admin, verified } from '../../kernel/http/access.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import type { ImageService } from './service.ts';
import { CreateImageForm, EditImageForm, VerifyForm } from './shapes.ts';

const root = '/api/v1/images';
/** An edit may bring several pictures as text. */
const EDIT_BYTES = 128 * 1024 * 1024;

/** Making and changing pictures, and what engines offer (providers note, 13.2). Switches and permission are the service's to ask. */
export function imageRoutes(images: ImageService): Route[] {
  return [
    route({
      method: 'POST',
      url: `${root}/verify`,
      access: admin,
      body: VerifyForm,
      handler: ({ body }) => images.verify(body),
    }),
    route({ method: 'GET', url: `${root}/models`, access: verified, handler: () => images.models() }),
    route({
      method: 'POST',
      url: `${root}/generations`,
      access: verified,
      body: CreateImageForm,
      handler: ({ user, signal, credential, body }) => images.generate({ user, signal, credential }, body),
    }),
    route({
      method: 'POST',
      url: `${root}/edit`,
      access: verified,
      body: EditImageForm,
      bodyLimit: EDIT_BYTES,
      handler: ({ user, signal, credential, body }) => images.edit({ user, signal, credential }, body),
    }),
  ];
}
