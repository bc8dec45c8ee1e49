import { Bool, Default, Int, List, OneOf, type Static, Str, shape } from '../../kernel/http/shapes.ts';

export const GlobalSearchQuery = shape('GlobalSearchQuery', {
  q: Default(Str({ maxLength: 500 }), ''),
  kind: Default(OneOf('all', 'chat', 'message', 'note'), 'all'),
  sharing: Default(OneOf('all', 'mine', 'shared'), 'all'),
  scope: Default(Str({ maxLength: 200 }), ''),
  page: Default(Int({ minimum: 1, maximum: 100_000 }), 1),
});
export type GlobalSearchQuery = Static<typeof GlobalSearchQuery>;

export const GlobalSearchResponse = shape('GlobalSearchResponse', {
  items: List(
    shape('GlobalSearchResult', {
      id: Str(),
      kind: OneOf('chat', 'message', 'note'),
      title: Str(),
      context: Str(),
      snippet: Str(),
      preview: Str(),
      url: Str(),
      updated_at: Int(),
      shared: Bool(),
      pinned: Bool(),
    }),
  ),
  has_more: Bool(),
  scopes: List(shape('GlobalSearchScope', { id: Str(), name: Str(), kind: OneOf('folder', 'channel') })),
  kinds: List(Str()),
});
export type GlobalSearchResult = Static<typeof GlobalSearchResponse>['items'][number];
