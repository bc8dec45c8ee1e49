const DEFAULT_TYPES = ['audio/*', 'video/webm'];

/**
 * Whether a declared type is one of the accepted ones, which may be ranges (providers note, 14.4). Parameters count for nothing:
 * `audio/webm;codecs=opus` accepts `audio/webm`.
 */
export function isSupported(declared: string, accepted: readonly string[]): boolean {
  const given = bare(declared);
  const entries = accepted.map(bare).filter((one) => one !== '');
  return (entries.length > 0 ? entries : DEFAULT_TYPES).some(
    (entry) => entry === given || entry === '*/*' || (entry.endsWith('/*') && given.startsWith(entry.slice(0, -1))),
  );
}

function bare(type: string): string {
  return (type.split(';')[0] ?? '').trim().toLowerCase();
}

/** The ending of a file name (lower case, no dot) if it is among those allowed; null if not. An empty list allows any. */
export function mayEnd(name: string, allowed: readonly string[]): string | null {
  const dot = name.lastIndexOf('.');
  const ending = dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
  if (!/^[a-z0-9]{0,10}$/.test(ending)) return null;
  const entries = allowed.map((one) => one.trim().toLowerCase()).filter((one) => one !== '');
  return entries.length === 0 || entries.includes(ending) ? ending : null;
}
