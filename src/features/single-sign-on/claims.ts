import { isObject, type JsonObject } from '../../kernel/json.ts';

/** A claim as one text; numbers count, empty texts do not. */
export function textClaim(claims: JsonObject, name: string): string | null {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  if (typeof value === 'number' && Number.isFinite(value)) return String(value);
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
}

/** A claim as a list of texts: a list, a text of entries between separators, or a number. Absent: empty. */
export function listClaim(claims: JsonObject, name: string, separator: string): string[] {
  const value = claimAt(claims, name);
  if (typeof value === 'number') return [String(value)];
  const entries = typeof value === 'string' ? split(value, separator) : Array.isArray(value) ? value : [];
  const texts = entries.flatMap((entry) => {
    if (typeof entry === 'number') return [String(entry)];
    return typeof entry === 'string' ? [entry.trim()] : [];
  });
  return [...new Set(texts.filter((text) => text !== ''))];
}

/** A member by a path of names with dots between them, else by the whole name. */
function claimAt(claims: JsonObject, name: string): unknown {
  if (name === '') return undefined;
  let at: unknown = claims;
  for (const step of name.split('.')) at = isObject(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  return at ?? (Object.hasOwn(claims, name) ? claims[name] : undefined);
}

function split(text: string, separator: string): string[] {
  return separator === '' ? [text] : text.split(separator);
}

/** Whether the provider says that the address is not known to be the person's; silence is none. */
export function isUnverified(claims: JsonObject): boolean {
  const { email_verified: verified } = claims;
  return verified === false || (typeof verified === 'string' && verified.trim().toLowerCase() === 'false');
}

/** Whether an address may sign in: its domain is in the list, or `*` is. */
export function isDomainAllowed(email: string, allowed: readonly string[]): boolean {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase();
  return allowed.some((one) => one === '*' || one.trim().toLowerCase() === domain);
}
