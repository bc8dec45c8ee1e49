import { isObject, type JsonObject } from '../../../kernel/json.ts';

const K1 = 1.5;
const B = 0.75;

/** Words of a text: case and width do not matter, camelCase is several, scripts without spaces count by pairs. */
export function tokens(text: string): string[] {
  const plain = text
    .normalize('NFKC')
    .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase();
  return (plain.match(/[\p{L}\p{N}]+/gu) ?? []).flatMap(split);
}

const RUN =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]+|[^\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]+/gu;
const UNSPACED = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

function split(word: string): string[] {
  return (word.match(RUN) ?? []).flatMap((part) => {
    const letters = [...part];
    if (!UNSPACED.test(part) || letters.length < 2) return [part];
    return letters.slice(1).map((letter, at) => `${letters[at]}${letter}`);
  });
}

/** The specs that fit a query, best first: the one of that name alone, else those that share words with it (plugins note, 4.6). */
export function searchTools(specs: readonly JsonObject[], query: string, count: number): JsonObject[] {
  const exact = specs.find(({ name }) => name === query.trim());
  if (exact) return [exact];
  const wanted = new Set(tokens(query));
  const documents = specs.map((spec) => ({ spec, words: tokens(textOf(spec)) }));
  const average = documents.reduce((sum, { words }) => sum + words.length, 0) / Math.max(1, documents.length);
  const weights = new Map([...wanted].map((word) => [word, rarity(word, documents)]));
  return documents
    .map(({ spec, words }) => ({ spec, score: scoreOf(words, weights, average) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || compare(String(a.spec.name), String(b.spec.name)))
    .slice(0, count)
    .map(({ spec }) => spec);
}

function textOf({ name, description, parameters }: JsonObject): string {
  const properties = isObject(parameters) && isObject(parameters.properties) ? Object.keys(parameters.properties) : [];
  return [name, description, ...properties].filter((one) => typeof one === 'string').join(' ');
}

function rarity(word: string, documents: readonly { words: readonly string[] }[]): number {
  const having = documents.filter(({ words }) => words.includes(word)).length;
  return Math.log(1 + (documents.length - having + 0.5) / (having + 0.5));
}

/** BM25, and one for each word both have. */
function scoreOf(words: readonly string[], weights: ReadonlyMap<string, number>, average: number): number {
  let score = 0;
  for (const [word, weight] of weights) {
    const times = words.filter((one) => one === word).length;
    if (times === 0) continue;
    score += 1 + (weight * times * (K1 + 1)) / (times + K1 * (1 - B + (B * words.length) / Math.max(1, average)));
  }
  return score;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
