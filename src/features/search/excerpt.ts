/** Code points of what a list shows of a hit, and of what stands beside it. */
export const SNIPPET = 200;
export const PREVIEW = 2_400;

/** The part of a text around the first of the terms (lower case), `length` code points; cut ends are marked. */
export function excerpt(text: string, terms: readonly string[], length: number): string {
  const lower = text.toLowerCase();
  const places = terms.map((term) => lower.indexOf(term)).filter((at) => at >= 0);
  const points = [...text];
  const at = places.length === 0 ? 0 : [...text.slice(0, Math.min(...places))].length;
  const start = Math.max(0, Math.min(at - Math.floor(length / 4), points.length - length));
  const end = Math.min(points.length, start + length);
  const middle = points.slice(start, end).join('').trim();
  return `${start > 0 ? '…' : ''}${middle}${end < points.length ? '…' : ''}`;
}

/** The words of a query, each once, all of which a hit must have. */
export function termsOf(query: string): string[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return [...new Set(words)].slice(0, MAX_TERMS);
}

const MAX_TERMS = 12;
