import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Notes } from '../../notes/index.ts';
import type { TurnContext, TurnTool } from '../turn/turn.ts';
import { editNote, fail, isFailure } from './note-edit.ts';
import { countOf, nanoseconds, searchParameters, text, tool } from './tool.ts';

/** Characters of a snippet before and after what was found. */
const SNIPPET = { before: 50, after: 100 };

/** The user's notes (plugins note, 4.3 and 4.5). */
export function noteTools({ user }: Pick<TurnContext, 'user'>, notes: Notes): [string, TurnTool][] {
  return [
    tool({
      name: 'search_notes',
      description:
        "Looks for words in titles and texts of the user's notes; gives their ids and what stands around the words.",
      parameters: searchParameters('notes', 5, 'notes changed'),
      required: ['query'],
      run: async (args) => {
        const query = text(args.query);
        const search = { ...ANY_NOTE, query };
        const { items } = await notes.search(user, search);
        const since = nanoseconds(args.start_timestamp);
        const until = nanoseconds(args.end_timestamp);
        return items
          .filter(
            ({ updated_at: at }) => (since === null || (at ?? 0n) >= since) && (until === null || (at ?? 0n) <= until),
          )
          .slice(0, countOf(args.count, 5))
          .map(({ id, title, data, updated_at }) => ({
            id,
            title,
            snippet: snippetOf(markdownOf(data), query),
            updated_at,
          }));
      },
    }),
    tool({
      name: 'view_note',
      description: 'Reads a whole note by the id a search gave.',
      parameters: { note_id: { type: 'string', description: 'Id of the note' } },
      required: ['note_id'],
      run: async (args) => {
        const note = await notes.open(user, text(args.note_id), 'read');
        if (!note) return { error: 'There is no such note, or it is not the user’s to read.' };
        const { id, title, data, updated_at, created_at } = note;
        return { id, title, content: markdownOf(data), updated_at, created_at };
      },
    }),
    tool({
      name: 'write_note',
      description: 'Writes a new note that only the user sees.',
      parameters: {
        title: { type: 'string', description: 'Its title' },
        content: { type: 'string', description: 'Its text as Markdown' },
      },
      required: ['title', 'content'],
      run: async (args) => {
        const data = { content: contentOf(text(args.content)) };
        const note = await notes.create(user, { title: text(args.title), data, meta: null, access_grants: [] });
        return { status: 'success', id: note.id, title: note.title, created_at: note.created_at };
      },
    }),
    tool({
      name: 'replace_note_content',
      description:
        'Changes a note: the whole text with `content`, or places in it with `operations`, which are better for small changes.',
      parameters: {
        note_id: { type: 'string', description: 'Id of the note' },
        content: { type: 'string', description: 'The new text as Markdown' },
        operations: {
          type: 'array',
          description:
            'Changes of the text: {"action":"replace_text","find","content","occurrence"?,"replace_all"?}, or {"action":"replace_text","start","end","content","expected"?} with offsets in characters, or {"action":"replace","content"} alone',
          items: {
            type: 'object',
            properties: {
              action: { type: 'string', enum: ['replace', 'replace_text'], description: 'What is done' },
              content: { type: 'string', description: 'The new text' },
              find: { type: 'string', description: 'The text to replace' },
              occurrence: { type: 'integer', description: 'Which of several places, from 1' },
              replace_all: { type: 'boolean', description: 'Whether all places are replaced' },
              start: { type: 'integer', description: 'First character' },
              end: { type: 'integer', description: 'Character after the last' },
              expected: { type: 'string', description: 'What stands there now' },
            },
            required: ['action', 'content'],
          },
        },
        title: { type: 'string', description: 'A new title' },
      },
      required: ['note_id'],
      run: (args) => replace(user, notes, args),
    }),
  ];
}

const ANY_NOTE = {
  view_option: null,
  permission: 'read',
  order_by: null,
  direction: null,
  page: 1,
};

function contentOf(md: string): JsonObject {
  return { md, json: null, html: '' };
}

function markdownOf(data: unknown): string {
  const content = isObject(data) ? data.content : null;
  return isObject(content) && typeof content.md === 'string' ? content.md : '';
}

/** The text around the first word that is found, else its beginning. */
function snippetOf(markdown: string, query: string): string {
  const low = markdown.toLowerCase();
  const found = query
    .toLowerCase()
    .split(/\s+/)
    .map((word) => (word === '' ? -1 : low.indexOf(word)))
    .find((at) => at >= 0);
  const at = found ?? 0;
  return markdown.slice(Math.max(0, at - SNIPPET.before), at + SNIPPET.after);
}

async function replace(user: TurnContext['user'], notes: Notes, args: JsonObject): Promise<JsonObject> {
  const id = text(args.note_id);
  const note = await notes.open(user, id, 'write');
  if (!note) {
    const readable = await notes.open(user, id, 'read');
    return readable
      ? fail('write_access_denied', 'The note is not the user’s to change.')
      : fail('not_found', 'There is no such note.');
  }
  const given = args.operations;
  if (given !== undefined && given !== null && !Array.isArray(given)) {
    return fail('invalid_operations', 'operations must be a list.');
  }
  const operations: unknown[] = Array.isArray(given) ? given : [];
  const title = typeof args.title === 'string' && args.title.trim() !== '' ? args.title : null;
  if (operations.length === 0 && typeof args.content !== 'string' && title === null) {
    return fail('content_required', 'Give a content, operations or a title.');
  }
  const before = markdownOf(note.data);
  const edited = operations.length > 0 ? editNote(before, operations) : null;
  if (edited && isFailure(edited)) return edited;
  const markdown = edited?.content ?? (typeof args.content === 'string' ? args.content : null);
  const written = await notes.rewrite(user, note, {
    ...(title !== null && { title }),
    ...(markdown !== null && { data: { content: contentOf(markdown) } }),
  });
  return {
    status: 'success',
    id,
    title: written.title,
    updated_at: written.updated_at,
    applied_operation_count: edited?.count ?? (markdown === null ? 0 : 1),
    applied_ranges: edited?.ranges ?? (markdown === null ? [] : [{ start: 0, end: [...before].length }]),
  };
}
