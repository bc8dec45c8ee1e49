import { randomUUID } from 'node:crypto';
import { isObject, type JsonObject } from '../../../kernel/json.ts';

/** A citation as clients get it: the item it comes from, and its texts with what is known of each. */
export interface Source extends JsonObject {
  source: JsonObject;
  document: string[];
  metadata: JsonObject[];
}

/** Attributes of the tag itself; no metadata key may stand in for them. */
const RESERVED = new Set(['id', 'name', 'resource-type', 'resource-id']);

/**
 * The texts of sources as a model reads them, each in a `<source>` tag. Ids count distinct sources from 1 in order of appearance: the
 * client numbers its citations the same way (retrieval note, 5.7).
 */
export function contextBlock(sources: readonly Source[], metadataKeys: readonly string[] = []): string {
  const ids = new Map<string, number>();
  const lines: string[] = [];
  for (const { source, document, metadata } of sources) {
    for (const [at, text] of document.entries()) {
      const about = metadata[at] ?? {};
      const key = sourceKey(source, about);
      if (!ids.has(key)) ids.set(key, ids.size + 1);
      lines.push(`<source ${attributes(ids.get(key) ?? 0, source, about, metadataKeys)}>${neutral(text)}</source>\n`);
    }
  }
  return lines.join('');
}

function sourceKey(source: JsonObject, about: JsonObject): string {
  return String(about.source || source.id || 'N/A');
}

/** How many different sources there are. */
export function countSources(sources: readonly Source[]): number {
  return new Set(sources.flatMap(({ source, metadata }) => metadata.map((about) => sourceKey(source, about)))).size;
}

function attributes(id: number, source: JsonObject, about: JsonObject, metadataKeys: readonly string[]): string {
  const known: [string, unknown][] = [
    ['id', id],
    ['name', source.name],
    ['resource-type', source.type],
    ['resource-id', source.type === 'text' ? undefined : source.id],
    ...metadataKeys.filter((key) => !RESERVED.has(key)).map((key): [string, unknown] => [key, about[key]]),
  ];
  return known
    .filter(([, value]) => value !== undefined && value !== null && value !== '')
    .map(([name, value]) => `${name}="${escapeText(isObject(value) ? JSON.stringify(value) : String(value))}"`)
    .join(' ');
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ENTITIES[char] ?? char);
}

/** A text must not end the tag it stands in, or begin one of its own. */
function neutral(text: string): string {
  return text.replace(/<(?=\/?(?:source|context)\b)/gi, '&lt;');
}

const CONTEXT = /\[context\]|\{\{CONTEXT\}\}/g;
const QUERY = /\[query\]|\{\{QUERY\}\}/g;

/** The template with context and question put in; what looks like a place for the question within the context stays text. */
export function fillContextTemplate(template: string, context: string, query: string): string {
  const mark = randomUUID();
  return template
    .replace(CONTEXT, mark)
    .replace(QUERY, () => query)
    .replaceAll(mark, () => context);
}
