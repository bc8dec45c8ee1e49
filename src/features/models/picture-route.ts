import type { Database } from '../../kernel/database/index.ts';
import { verified } from '../../kernel/http/access.ts';
import type { User } from '../../kernel/http/principal.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { isObject } from '../../kernel/json.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import { type Access, configuredGrants, grantsAllow } from '../access/index.ts';
import { profileImageRules, servedImage } from '../accounts/index.ts';
import { readMeta } from './content.ts';
import { staticPath } from './profile-image.ts';
import { ModelIdQuery } from './shapes.ts';
import { findModel, type ModelRow } from './store.ts';

interface PictureDeps {
  database: Pick<Database, 'db'>;
  access: Access;
  settings: Settings;
  config: Pick<Config, 'get'>;
}

const DEFAULT_PICTURE = '/static/favicon.png';

/** The picture of a model (providers note, 10.9). What the caller may not see, and what is no picture, is the default one. */
export function pictureRoute({ database, access, settings, config }: PictureDeps): Route {
  const rules = profileImageRules(settings);
  const bypassed = (user: User) =>
    settings.get('BYPASS_MODEL_ACCESS_CONTROL') ||
    (user.role === 'admin' && settings.get('BYPASS_ADMIN_ACCESS_CONTROL'));

  async function ofRow(user: User, row: ModelRow): Promise<string | null> {
    const readable =
      bypassed(user) || row.user_id === user.id || (await access.grants.allows(user, 'model', row.id, 'read'));
    const { profile_image_url: url } = readMeta(row.meta);
    return readable && typeof url === 'string' ? url : null;
  }

  async function ofArena(user: User, id: string): Promise<string | null> {
    if (!config.get('evaluation.arena.enable')) return null;
    const meta = config.get('evaluation.arena.models').find((model) => model.id === id)?.meta;
    if (!isObject(meta) || typeof meta.profile_image_url !== 'string') return null;
    const grants = configuredGrants(meta);
    const readable = bypassed(user) || grantsAllow(grants, user.id, await access.groupIds(user.id), 'read');
    return readable ? meta.profile_image_url : null;
  }

  return route({
    method: 'GET',
    url: '/api/v1/models/model/profile/image',
    access: verified,
    query: ModelIdQuery,
    handler: async ({ user, query, request, reply }) => {
      const row = await findModel(database.db, query.id);
      const url = (row && (await ofRow(user, row))) ?? (await ofArena(user, query.id));
      const image = servedImage(url, rules);
      if (image.kind === 'redirect') return reply.redirect(image.url, 302);
      if (image.kind === 'default') return reply.redirect((url && staticPath(url)) || DEFAULT_PICTURE, 302);
      const etag = `"${row?.updated_at ?? 0}"`;
      reply.headers({ etag, 'content-disposition': 'inline', 'x-content-type-options': 'nosniff' });
      if (request.headers['if-none-match'] === etag) return reply.code(304).send();
      return reply.type(image.type).send(image.bytes);
    },
  });
}
