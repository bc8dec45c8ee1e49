import { type RawBuilder, sql } from 'kysely';
import { type Db, escapeLike, jsonAt, likeFold } from '../../kernel/database/index.ts';
import { grantedTo } from '../access/index.ts';
import { excerpt, PREVIEW, SNIPPET } from './excerpt.ts';
import { REST, rankOf, type Search, type Source } from './source.ts';

/** Notes the user owns or was given to read. */
export const noteSource: Source = {
  async find(search) {
    if (search.inFolders) return [];
    const { db, user, terms, query, limit } = search;
    const rank = sql<number>`CASE WHEN ${terms.length === 0 ? pinnedBy(user.id) : titleIs(query)} THEN 0
      WHEN ${terms.length === 0 ? sql<boolean>`1 = 0` : likeFold(db, 'note.title', `%${escapeLike(query)}%`)} THEN 1 ELSE ${sql.lit(REST)} END`;
    const rows = await db
      .selectFrom('note')
      .select(['note.id', 'note.title', 'note.updated_at'])
      .select(rank.as('place'))
      .where(visible(search))
      .where((eb) => eb.and(terms.map((term) => has(db, term))))
      .orderBy(rank)
      .orderBy('note.updated_at', 'desc')
      .orderBy('note.id')
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      source: 'note' as const,
      id: row.id,
      rank: terms.length === 0 ? Number(row.place) : rankOf(row.title, query),
      updated: inSeconds(row.updated_at),
    }));
  },

  async present({ db, user, terms, query }, ids) {
    const rows = await db
      .selectFrom('note')
      .select(['note.id', 'note.user_id', 'note.title', 'note.updated_at'])
      .select([jsonAt(db, 'note.data', 'content', 'md').as('text'), sql<unknown>`${pinnedBy(user.id)}`.as('pinned')])
      .where('note.id', 'in', [...ids])
      .execute();
    return new Map(
      rows.map((row) => {
        const own = row.user_id === user.id;
        const text = row.text ?? '';
        return [
          row.id,
          {
            id: `note:${row.id}`,
            kind: 'note' as const,
            title: row.title?.trim() || 'Untitled',
            context: own ? 'Personal note' : 'Shared note',
            snippet: excerpt(text, terms, SNIPPET),
            preview: excerpt(text, terms, PREVIEW),
            url: `/notes/${row.id}${query === '' ? '' : `?search=${encodeURIComponent(query)}`}`,
            updated_at: inSeconds(row.updated_at),
            shared: !own,
            pinned: Boolean(row.pinned),
          },
        ];
      }),
    );
  },
};

function visible({ user, groupIds, sharing }: Search): RawBuilder<boolean> {
  const own = sql<boolean>`note.user_id = ${user.id}`;
  if (sharing === 'mine') return own;
  const given = grantedTo({ type: 'note', right: 'read', id: 'note.id', userId: user.id, groupIds });
  return sharing === 'shared'
    ? sql<boolean>`(note.user_id <> ${user.id} AND ${given})`
    : sql<boolean>`(${own} OR ${given})`;
}

function has(db: Db, term: string): RawBuilder<boolean> {
  const pattern = `%${escapeLike(term)}%`;
  return sql<boolean>`(${likeFold(db, 'note.title', pattern)} OR ${likeFold(db, jsonAt(db, 'note.data', 'content', 'md'), pattern)})`;
}

function titleIs(query: string): RawBuilder<boolean> {
  return sql<boolean>`lower(note.title) = ${query}`;
}

function pinnedBy(userId: string): RawBuilder<boolean> {
  return sql<boolean>`EXISTS (SELECT 1 FROM pinned_note p WHERE p.note_id = note.id AND p.user_id = ${userId})`;
}

function inSeconds(nanoseconds: bigint | null): number {
  return nanoseconds === null ? 0 : Number(nanoseconds / 1_000_000_000n);
}
