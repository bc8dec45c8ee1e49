import { admin, verified } from '../../kernel/http/access.ts';
import { JsonText } from '../../kernel/http/answer.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, Default, shape } from '../../kernel/http/shapes.ts';
import type { Providers } from '../providers/index.ts';
import type { Models } from './models.ts';

const ModelListQuery = shape('ModelListQuery', { refresh: Default(Bool(), false) });

/** The list of models, as clients and OpenAI-compatible programs ask for it (providers note, 9.4). `packs`: answers are compressed. */
export function listRoutes(models: Models, providers: Pick<Providers, 'models'>, packs: boolean): Route[] {
  return [
    ...['/api/models', '/api/v1/models'].map((url) =>
      route({
        method: 'GET',
        url,
        access: verified,
        query: ModelListQuery,
        tag: 'models',
        handler: async ({ user, query, request, reply }) => {
          const answer = await models.listJson(user, query.refresh);
          const encoding = packs ? answer.encodingFor(request.headers['accept-encoding']) : null;
          if (encoding === null) return new JsonText(answer.text);
          const vary = [reply.getHeader('vary'), 'accept-encoding'].filter(Boolean).join(', ');
          reply.headers({ 'content-encoding': encoding, vary });
          return new JsonText(await answer.packed(encoding));
        },
      }),
    ),
    route({
      method: 'GET',
      url: '/api/models/base',
      access: admin,
      tag: 'models',
      handler: async () => ({ data: await providers.models() }),
    }),
  ];
}
