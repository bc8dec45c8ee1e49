import type { Database } from '../../kernel/database/index.ts';
import { both, may, on, resource, whileOn } from '../../kernel/http/access.ts';
import { detail, forbidden } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Bool, List } from '../../kernel/http/shapes.ts';
import type { Config } from '../../kernel/settings/index.ts';
import type { Notes } from './service.ts';
import * as shapes from './shapes.ts';
import { findNote, type NoteRow } from './store.ts';

interface NoteRouteDeps {
  notes: Notes;
  database: Pick<Database, 'db'>;
  config: Pick<Config, 'get'>;
}

/** Notes: lists, search, reading and changing, sharing, pins (realtime note, 3). */
export function noteRoutes({ notes, database, config }: NoteRouteDeps): Route[] {
  const user = whileOn(
    () => config.get('notes.enable'),
    () => forbidden('Notes is disabled'),
    may('features.notes', { status: 401, detail: detail.UNAUTHORIZED }),
  );
  const note = resource<NoteRow>({
    name: 'note',
    load: (id) => findNote(database.db, id),
    allows: (who, row, right) => (right === 'read' ? notes.mayRead(who, row) : notes.mayWrite(who, row)),
    denied: () => forbidden(detail.DEFAULT),
  });
  const [reader, writer] = [both(user, on(note, 'read')), both(user, on(note, 'write'))];
  const url = (rest: string) => `/api/v1/notes/${rest}`;

  return [
    route({
      method: 'GET',
      url: url(''),
      access: user,
      query: shapes.NoteListQuery,
      reply: List(shapes.NoteItemResponse),
      handler: ({ user, query }) => notes.list(user, query.page),
    }),
    route({
      method: 'GET',
      url: url('pinned'),
      access: user,
      reply: List(shapes.NoteItemResponse),
      handler: ({ user }) => notes.pinned(user),
    }),
    route({
      method: 'GET',
      url: url('search'),
      access: user,
      query: shapes.NoteSearchQuery,
      reply: shapes.NoteListResponse,
      handler: ({ user, query }) => notes.search(user, query),
    }),
    route({
      method: 'POST',
      url: url('create'),
      access: user,
      body: shapes.NoteForm,
      reply: shapes.NoteModel,
      handler: ({ user, body }) => notes.create(user, body),
    }),
    route({
      method: 'GET',
      url: url(':id'),
      access: reader,
      reply: shapes.NoteResponse,
      handler: async ({ user, target }) => ({
        ...(await notes.whole(target, user)),
        write_access: await notes.mayWrite(user, target),
      }),
    }),
    route({
      method: 'POST',
      url: url(':id/update'),
      access: writer,
      body: shapes.NoteUpdateForm,
      reply: shapes.NoteModel,
      handler: ({ user, target, body }) => notes.update(user, target, body),
    }),
    route({
      method: 'POST',
      url: url(':id/access/update'),
      access: writer,
      body: shapes.NoteAccessGrantsForm,
      reply: shapes.NoteModel,
      handler: ({ user, target, body }) => notes.share(user, target, body.access_grants),
    }),
    route({
      method: 'POST',
      url: url(':id/pin'),
      access: reader,
      reply: shapes.NoteModel,
      handler: ({ user, target }) => notes.togglePin(user, target),
    }),
    route({
      method: 'DELETE',
      url: url(':id/delete'),
      access: writer,
      reply: Bool(),
      handler: async ({ user, target }) => {
        await notes.remove(user, target);
        return true;
      },
    }),
  ];
}
