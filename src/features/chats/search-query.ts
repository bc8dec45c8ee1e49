import { type ChatDocument, cleanText, messagesOf } from './document.ts';

/** A search text taken apart. */
export interface SearchQuery {
  /** Tag ids, all of which a chat must have. */
  tags: string[];
  /** Only chats without any tag. */
  untagged: boolean;
  /** Folder names, normalised; a chat lies in one of them or below. Null: not asked for. */
  folders: string[] | null;
  pinned: boolean | null;
  archived: boolean | null;
  shared: boolean | null;
  phrase: string;
  /** Words of the phrase that may match apart from each other. */
  terms: string[];
}

const PREFIX = /^(tag|folder|pinned|archived|shared):(.*)$/s;

/** Reads the search language of the chat list. */
export function parseSearch(text: string): SearchQuery {
  const words = cleanText(text).toLowerCase().trim().split(/\s+/).filter(Boolean);
  const query: SearchQuery = {
    tags: [],
    untagged: false,
    folders: null,
    pinned: null,
    archived: null,
    shared: null,
    phrase: '',
    terms: [],
  };
  const plain: string[] = [];
  for (const word of words) {
    const [, prefix, value = ''] = PREFIX.exec(word) ?? [];
    if (prefix === undefined) plain.push(word);
    else readFilter(query, prefix, value);
  }
  query.phrase = plain.join(' ');
  query.terms = [...new Set(query.phrase.match(/[a-z0-9]+/g))].filter((term) => term !== query.phrase);
  return query;
}

function readFilter(query: SearchQuery, prefix: string, value: string): void {
  if (prefix === 'tag') {
    if (value === 'none') query.untagged = true;
    else if (value) query.tags.push(tagId(value));
  } else if (prefix === 'folder') {
    if (value) query.folders = [...(query.folders ?? []), normaliseFolderName(value)];
  } else if (value === 'true' || value === 'false') {
    query[prefix as 'pinned' | 'archived' | 'shared'] = value === 'true';
  }
}

/** The id a tag's name stands for. */
export function tagId(name: string): string {
  return name.replaceAll(' ', '_').toLowerCase();
}

/** Folder names are compared with spaces and underscores as one. */
export function normaliseFolderName(name: string): string {
  return name
    .replace(/[\s_]+/g, ' ')
    .trim()
    .toLowerCase();
}

const BEFORE = 100;
const LENGTH = 200;

/** The part of a document around the first match, or null. */
export function snippetOf(document: ChatDocument, query: Pick<SearchQuery, 'phrase' | 'terms'>): string | null {
  if (!query.phrase) return null;
  const texts: string[] = [];
  for (const message of Object.values(messagesOf(document))) {
    if (typeof message.content === 'string' && message.content) texts.push(message.content);
  }
  for (const needle of [query.phrase, ...query.terms]) {
    for (const text of texts) {
      const at = text.toLowerCase().indexOf(needle);
      if (at >= 0) return cut(text, at, needle);
    }
  }
  return null;
}

/** Counts in code points, so that no character is cut in two. */
function cut(text: string, at: number, needle: string): string {
  const before = [...text.slice(0, at)].length;
  const all = [...text];
  const size = [...needle].length;
  let start = Math.max(before - BEFORE, 0);
  let end = Math.min(start + LENGTH, all.length);
  if (before + size > end) {
    end = Math.min(before + size, all.length);
    start = Math.max(end - LENGTH, 0);
  }
  const middle = all.slice(start, end).join('').replace(/\s+/g, ' ').trim();
  return `${start > 0 ? '...' : ''}${middle}${end < all.length ? '...' : ''}`;
}
