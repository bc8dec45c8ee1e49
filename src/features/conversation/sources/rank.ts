import { setImmediate as turn } from 'node:timers/promises';

interface Passage {
  text: string;
  /** Place among all passages. */
  at: number;
  counts: ReadonlyMap<string, number>;
  length: number;
}

export interface Ranked {
  text: string;
  at: number;
  score: number;
}

interface RankOptions {
  /** Characters of a passage. */
  size: number;
  /** Characters neighbouring passages share. */
  overlap: number;
  /** Passages wanted. */
  count: number;
}

/** Usual constants of BM25. */
const [K1, B] = [1.2, 0.75];
/** Passages looked at before others get their turn. */
const SLICE = 64;

/** The passages of a text that fit the queries best by their words, best first; those without any of them are left out. */
export async function rankPassages(text: string, queries: readonly string[], options: RankOptions): Promise<Ranked[]> {
  const passages: Passage[] = [];
  for (const [at, piece] of cutText(text, options).entries()) {
    const words = wordsOf(piece);
    const counts = new Map<string, number>();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    passages.push({ text: piece, at, counts, length: words.length });
    if (at % SLICE === SLICE - 1) await turn();
  }
  const wanted = new Set(queries.flatMap(wordsOf));
  const mean = passages.reduce((sum, { length }) => sum + length, 0) / Math.max(1, passages.length);
  const weights = new Map([...wanted].map((word) => [word, weightOf(word, passages)]));
  return passages
    .map((passage) => ({ text: passage.text, at: passage.at, score: scoreOf(passage, weights, mean) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || a.at - b.at)
    .slice(0, options.count);
}

function weightOf(word: string, passages: readonly Passage[]): number {
  const having = passages.filter(({ counts }) => counts.has(word)).length;
  return Math.log(1 + (passages.length - having + 0.5) / (having + 0.5));
}

function scoreOf({ counts, length }: Passage, weights: ReadonlyMap<string, number>, mean: number): number {
  let score = 0;
  for (const [word, weight] of weights) {
    const count = counts.get(word) ?? 0;
    if (count > 0) score += (weight * count * (K1 + 1)) / (count + K1 * (1 - B + (B * length) / (mean || 1)));
  }
  return score;
}

/** Words folded for comparison; scripts without spaces give pairs of characters. */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  for (const [word] of text
    .normalize('NFKC')
    .toLowerCase()
    .matchAll(/[\p{L}\p{N}]+/gu)) {
    if (!/[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Thai}]/u.test(word)) words.push(word);
    else if (word.length < 3) words.push(word);
    else for (let at = 0; at + 2 <= word.length; at += 1) words.push(word.slice(at, at + 2));
  }
  return words;
}

/** Pieces of about `size` characters, cut at the end of a paragraph, a line or a word where there is one. */
export function cutText(text: string, { size, overlap }: Pick<RankOptions, 'size' | 'overlap'>): string[] {
  const length = Math.max(100, size);
  const shared = Math.min(Math.max(0, overlap), Math.floor(length / 2));
  const pieces: string[] = [];
  let from = 0;
  while (from < text.length) {
    const to = from + length >= text.length ? text.length : endOf(text, from, from + length);
    const piece = text.slice(from, to).trim();
    if (piece !== '') pieces.push(piece);
    if (to === text.length) break;
    from = Math.max(from + 1, to - shared);
  }
  return pieces;
}

function endOf(text: string, from: number, to: number): number {
  for (const separator of ['\n\n', '\n', ' ']) {
    const at = text.lastIndexOf(separator, to);
    if (at > from + (to - from) / 2) return at;
  }
  return to;
}
