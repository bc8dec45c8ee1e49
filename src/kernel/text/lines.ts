/** Every line break Unicode knows; `\r\n` counts as one. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: some line breaks are control characters
const BREAK = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;

/** The lines of a text without their breaks; a break at the end starts no further line. */
export function splitLines(text: string): string[] {
  if (text === '') return [];
  const lines = text.split(BREAK);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}
