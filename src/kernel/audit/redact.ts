/** Names of members and parameters whose value is nobody's business. */
const SECRET =
  /(?:pass(?:word|wd|phrase)?|pwd|secret|token|keys?|authori[sz]ation|credentials?|cookies?|otp|ticket|webhook_?url)$|^code$/i;

export const MASK = '********';

export function isSecretName(name: string): boolean {
  return SECRET.test(name);
}

/**
 * A text with the values of secret members masked. It need not be whole JSON: a piece that was cut off, events of a stream, or
 * text around JSON are read as far as they go.
 */
export function redactText(text: string): string {
  let out = '';
  let done = 0;
  let at = text.indexOf('"');
  while (at !== -1) {
    const end = endOfString(text, at);
    const colon = afterBlanks(text, end);
    if (text[colon] === ':' && isSecretName(nameOf(text.slice(at, end)))) {
      const value = afterBlanks(text, colon + 1);
      const stop = endOfValue(text, value);
      if (stop > value) {
        out += `${text.slice(done, value)}"${MASK}"`;
        done = stop;
        at = text.indexOf('"', stop);
        continue;
      }
    }
    at = text.indexOf('"', end);
  }
  return out + text.slice(done);
}

/** A form, or the query of an address, with the values of secret members masked. */
export function redactQuery(query: string): string {
  return query
    .split('&')
    .map((pair) => {
      const at = pair.indexOf('=');
      return at !== -1 && isSecretName(decoded(pair.slice(0, at))) ? `${pair.slice(0, at)}=${MASK}` : pair;
    })
    .join('&');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/** The text of a quoted name, escapes read. */
function nameOf(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted.slice(1, -1);
  }
}

/** The place behind the quote that ends the string beginning at `at`; the end of the text where none does. */
function endOfString(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i += 1) {
    if (text[i] === '\\') i += 1;
    else if (text[i] === '"') return i + 1;
  }
  return text.length;
}

function afterBlanks(text: string, at: number): number {
  let i = at;
  while (i < text.length && ' \t\r\n'.includes(text.charAt(i))) i += 1;
  return i;
}

/** The place behind a value; `at` itself for one that says nothing: true, false, null, or an empty one. */
function endOfValue(text: string, at: number): number {
  const first = text.charAt(at);
  if (first === '"') return endOfString(text, at);
  if (first === '{' || first === '[') return endOfNested(text, at);
  const word = /^[^\s,}\]]+/.exec(text.slice(at, at + 400))?.[0] ?? '';
  return /^(?:true|false|null)$/.test(word) ? at : at + word.length;
}

function endOfNested(text: string, at: number): number {
  let depth = 0;
  for (let i = at; i < text.length; i += 1) {
    const char = text[i];
    if (char === '"') i = endOfString(text, i) - 1;
    else if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') {
      depth -= 1;
      if (depth === 0) return i + 1;
    }
  }
  return text.length;
}
