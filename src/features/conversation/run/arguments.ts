/** Arguments of a call as the model wrote them: JSON, or what some models write instead, a literal of Python. Null: neither. */
export function readArguments(text: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    // It may be the other form.
  }
  try {
    return JSON.parse(pythonAsJson(text));
  } catch {
    return null;
  }
}

const WORDS: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };
const TOKEN =
  /(?<text>"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*')|(?<word>[A-Za-z_]\w*)|(?<extra>,(?=\s*[\]}]))|(?<other>[\s\S])/g;

/** A literal of Python in the words of JSON; what is none gives a text that is no JSON. */
function pythonAsJson(text: string): string {
  return text.replace(TOKEN, (...found) => {
    const { text: quoted, word, extra, other = '' } = found.at(-1) as Record<string, string | undefined>;
    if (quoted !== undefined) return JSON.stringify(unescapeText(quoted.slice(1, -1)));
    if (word !== undefined) return WORDS[word] ?? word;
    return extra === undefined ? other : '';
  });
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\u0007',
  0: '\0',
};

function unescapeText(inner: string): string {
  return inner.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|\n|([\s\S]))/g,
    (_, x?: string, u?: string, long?: string, char?: string) => {
      const code = x ?? u ?? long;
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
      return char === undefined ? '' : (ESCAPES[char] ?? (/["'\\]/.test(char) ? char : `\\${char}`));
    },
  );
}
