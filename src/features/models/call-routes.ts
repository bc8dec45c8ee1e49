import { admin, verified } from '../../kernel/http/access.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Dict, Str, shape } from '../../kernel/http/shapes.ts';
import { callOf, type ProviderKit, unloadModel } from '../providers/index.ts';
import type { Models } from './models.ts';

const ModelUnloadForm = shape('ModelUnloadForm', { model: Str() });

/** Calls to the provider of any model of the table: embeddings, and giving back its memory (providers note, 9.5, 11.2). */
export function callRoutes(models: Models, kit: ProviderKit): Route[] {
  return [
    ...['/api/embeddings', '/api/v1/embeddings'].map((url) =>
      route({
        method: 'POST',
        url,
        access: verified,
        body: Dict(),
        tag: 'models',
        handler: async (input) => {
          const { metadata, ...body } = input.body;
          const id = typeof body.model === 'string' ? body.model : '';
          const found = await models.resolve(input.user, id);
          if (!found) throw new HttpError(404, `Model '${id}' was not found`);
          return kit.embed(found.base ?? found.entry, body, callOf(input, metadata));
        },
      }),
    ),
    route({
      method: 'POST',
      url: '/api/models/unload',
      access: admin,
      body: ModelUnloadForm,
      tag: 'models',
      handler: async (input) => {
        const { model } = input.body;
        const found = await models.resolve(input.user, model);
        const offer = await kit.registry.offer();
        const id = (found?.base ?? found?.entry)?.id ?? model;
        const entry = offer.ollama.get(id) ?? offer.openai.get(id);
        if (!entry) throw new HttpError(404, `Model "${model}" not found`);
        return unloadModel(kit, entry, callOf(input));
      },
    }),
  ];
}
