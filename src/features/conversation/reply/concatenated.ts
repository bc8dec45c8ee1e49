/** JSON objects that follow each other in one text; empty when the text is anything else. */
export function splitObjects(text: string): string[] {
  const pieces: string[] = [];
  let [depth, start, quoted] = [0, 0, false];
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (quoted) {
      if (char === '\\') at += 1;
      else if (char === '"') quoted = false;
    } else if (char === '{') {
      if (depth === 0) start = at;
      depth += 1;
    } else if (depth === 0) {
      if (!/\s/.test(char)) return [];
    } else if (char === '"') quoted = true;
    else if (char === '}') {
      depth -= 1;
      if (depth === 0) pieces.push(text.slice(start, at + 1));
    }
  }
  return depth === 0 ? pieces : [];
}
