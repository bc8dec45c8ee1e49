import type { People, Reader, WireGrant } from '../access/index.ts';
import { cleanData } from './content.ts';
import type { ListedNote, NoteRow } from './store.ts';

/** A row as NoteModel. */
export function presentNote(row: NoteRow, grants: WireGrant[], pinned: boolean) {
  const { id, user_id, title, meta, created_at, updated_at } = row;
  return {
    id,
    user_id,
    title,
    data: cleanData(row.data),
    meta,
    is_pinned: pinned,
    access_grants: grants,
    created_at,
    updated_at,
  };
}

/** A row of a list as NoteItemResponse. */
export function presentItem(row: ListedNote, people: People, reader: Reader) {
  return {
    id: row.id,
    title: row.title,
    data: previewOf(row),
    is_pinned: row.pin_id !== null,
    updated_at: row.updated_at,
    created_at: row.created_at,
    user: people.owner(reader, row),
  };
}

/** A row of a search as NoteUserResponse. */
export function presentFound(row: ListedNote, grants: WireGrant[], people: People, reader: Reader) {
  return { ...presentItem(row, people, reader), user_id: row.user_id, meta: row.meta, access_grants: grants };
}

function previewOf({ data_kind: kind, preview }: ListedNote) {
  if (kind === 'none') return null;
  return kind === 'empty' ? {} : { content: { md: preview ?? '' } };
}
