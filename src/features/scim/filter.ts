import { invalid } from './errors.ts';

export interface Filter {
  /** Lower case, without the schema's name before it. */
  attribute: string;
  value: string;
}

const FILTER = /^\s*([A-Za-z][\w$:.-]*)\s+eq\s+("(?:[^"\\]|\\.)*")\s*$/i;
/** Characters; longer ones come from nobody who means well. */
const MAX_FILTER = 2_000;

/** `attribute eq "value"`, which is all that identity providers ask; null for no filter. Throws 400 for anything else. */
export function parseFilter(text: string | null, known: readonly string[]): Filter | null {
  if (text === null || text.trim() === '') return null;
  const [, name, quoted] = (text.length <= MAX_FILTER && FILTER.exec(text)) || [];
  if (name === undefined || quoted === undefined) throw invalid('The filter is not supported.', 'invalidFilter');
  const attribute = bareName(name).toLowerCase();
  if (!known.includes(attribute)) throw invalid(`Filtering by ${name} is not supported.`, 'invalidFilter');
  return { attribute, value: unquote(quoted) };
}

function unquote(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    throw invalid('The value of the filter is not valid.', 'invalidFilter');
  }
}

const SCHEMA = /^urn:ietf:params:scim:schemas:core:2\.0:(?:user|group):/i;

/** An attribute's path without the schema's name before it. */
export function bareName(path: string): string {
  return path.trim().replace(SCHEMA, '');
}
