import type { User } from '../../../kernel/http/principal.ts';
import { isObject, type JsonObject } from '../../../kernel/json.ts';
import type { Config } from '../../../kernel/settings/index.ts';
import type { Files } from '../../files/index.ts';
import type { Source } from './context-block.ts';
import { rankPassages } from './rank.ts';

export interface Search {
  user: User;
  queries: readonly string[];
  /** Whole texts, whatever their length. */
  whole: boolean;
}

/** Finds what items of a chat say about a question. Items that are not the user's, or of a kind nobody knows, give nothing. */
export type FindSources = (items: readonly JsonObject[], search: Search) => Promise<Source[]>;

export interface FileTextsDeps {
  files: Pick<Files, 'text'>;
  config: Pick<Config, 'get'>;
}

/** Characters of a text that is shown whole without being asked for. */
const SHORT = 12_000;

/** Sources from the texts of files and from texts that came with the request; long texts by the passages whose words fit. */
export function createFileTexts({ files, config }: FileTextsDeps): FindSources {
  async function textOf(item: JsonObject, user: User): Promise<Text[]> {
    if (Array.isArray(item.docs)) return item.docs.filter(isObject).map(docText);
    if (item.type === 'text' && typeof item.file !== 'object') {
      return [{ text: text(item.content), about: { name: item.name } }];
    }
    const id = text(item.id) || (isObject(item.file) ? text(item.file.id) : '');
    if ((item.type !== 'file' && item.type !== 'text') || id === '') return [];
    const found = await files.text(user, id);
    return found ? [{ text: found.text, about: { file_id: id, name: found.name, source: found.name } }] : [];
  }

  async function passages({ text: whole, about }: Text, search: Search): Promise<Text[]> {
    if (search.whole || whole.length <= SHORT) return [{ text: whole, about }];
    const found = await rankPassages(whole, search.queries, {
      size: config.get('rag.chunk_size'),
      overlap: config.get('rag.chunk_overlap'),
      count: Math.max(1, config.get('rag.top_k')),
    });
    return found.map((passage) => ({ text: passage.text, about, score: passage.score }));
  }

  return async (items, search) => {
    const sources: Source[] = [];
    for (const item of items) {
      const isWhole = search.whole || item.context === 'full';
      const found: Text[] = [];
      for (const one of await textOf(item, search.user)) {
        if (one.text.trim() !== '') found.push(...(await passages(one, { ...search, whole: isWhole })));
      }
      if (found.length > 0) sources.push(sourceOf(item, found, isWhole));
    }
    return sources;
  };
}

interface Text {
  text: string;
  about: JsonObject;
  score?: number;
}

function docText(doc: JsonObject): Text {
  return { text: text(doc.content), about: isObject(doc.metadata) ? doc.metadata : {} };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function sourceOf(item: JsonObject, found: readonly Text[], isWhole: boolean): Source {
  const { data: _data, docs: _docs, content: _content, ...source } = item;
  return {
    source,
    document: found.map((one) => one.text),
    metadata: found.map((one) => one.about),
    ...(!isWhole && { distances: found.map(({ score }) => score ?? 1) }),
  };
}
