/** The first `CN` of a distinguished name (RFC 4514), unescaped; null where it has none. */
export function firstCommonName(dn: string): string | null {
  for (const part of splitUnescaped(dn)) {
    const at = part.indexOf('=');
    if (at < 0 || part.slice(0, at).trim().toLowerCase() !== 'cn') continue;
    const name = unescaped(trimmed(part.slice(at + 1)));
    if (name !== '') return name;
  }
  return null;
}

/** The pieces between commas, semicolons and plus signs that no backslash takes the meaning from. */
function splitUnescaped(dn: string): string[] {
  return dn.match(/(?:\\[\s\S]|[^,;+\\])+/g) ?? [];
}

/** Without surrounding blanks; one that a backslash stands before belongs to the value. */
function trimmed(value: string): string {
  const start = value.trimStart();
  const end = start.trimEnd();
  const slashes = /\\*$/.exec(end)?.[0].length ?? 0;
  return slashes % 2 === 1 ? `${end}${start.slice(end.length, end.length + 1)}` : end;
}

/** Runs of `\XX` are bytes of UTF-8 and are read together. */
function unescaped(value: string): string {
  return value.replaceAll(/((?:\\[0-9a-f]{2})+)|\\([\s\S])/gi, (_all, bytes: string | undefined, one: string) =>
    bytes === undefined ? one : Buffer.from(bytes.replaceAll('\\', ''), 'hex').toString('utf8'),
  );
}
