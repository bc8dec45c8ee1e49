import { readFile } from 'node:fs/promises';
import { toMarkup, visibleText } from './markup.ts';

interface ChangelogItem {
  title: string;
  content: string;
  raw: string;
}

/** By version; `date` is `YYYY-MM-DD`, the other members are sections. */
export type Changelog = Record<string, Record<string, string | ChangelogItem[]>>;

const VERSIONS_SHOWN = 5;

/** The first versions of a release-notes file in the form "Keep a Changelog"; empty when the file is not there. */
export async function readChangelog(file: string): Promise<Changelog> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return parseChangelog(text);
}

export function parseChangelog(text: string): Changelog {
  const result: Changelog = {};
  let version: Changelog[string] | undefined;
  let items: ChangelogItem[] | undefined;
  for (const line of text.split('\n')) {
    const heading = /^## \[([^\]]+)\](?: - (\S+))?/.exec(line);
    if (heading?.[1]) {
      if (Object.keys(result).length === VERSIONS_SHOWN) break;
      version = { date: heading[2] ?? '' };
      result[heading[1]] = version;
      items = undefined;
    } else if (version && line.startsWith('### ')) {
      items = [];
      version[line.slice(4).trim().toLowerCase()] = items;
    } else if (items && /^[-*] /.test(line)) items.push(toItem(line.slice(2).trim()));
  }
  return result;
}

function toItem(markdown: string): ChangelogItem {
  const html = inlineHtml(markdown);
  const text = visibleText(html);
  const colon = text.indexOf(': ');
  return {
    title: colon === -1 ? '' : text.slice(0, colon),
    content: colon === -1 ? text : text.slice(colon + 2),
    raw: `<li>${html}</li>`,
  };
}

/** Bold, code and links of one line; everything else is text. */
function inlineHtml(markdown: string): string {
  return toMarkup(markdown)
    .replaceAll(/`([^`]+)`/g, '<code>$1</code>')
    .replaceAll(/\[([^\]]+)\]\((https?:[^)\s]+)\)/g, '<a href="$2">$1</a>')
    .replaceAll(/\*\*(.+?)\*\*/g, '<strong>$1</strong>');
}
