import type { IncomingHttpHeaders } from 'node:http';

interface Sources {
  headers: IncomingHttpHeaders;
  /** Value of cookie `token`. */
  cookie: string | undefined;
  /** Lower-case name of the header that may carry an API key. */
  apiKeyHeader: string | null;
}

/** The credential a route uses (identity note, 4): Bearer, cookie, then whatever else names one. */
export function credentialOf(sources: Sources): string | null {
  return bearer(sources.headers.authorization) ?? (sources.cookie || null) ?? otherCredential(sources);
}

/** The credential where being anonymous is allowed: `Authorization` of any scheme first, except a gateway's password. */
export function optionalCredentialOf(sources: Sources): string | null {
  const { authorization } = sources.headers;
  const named = /^basic /i.test(authorization ?? '') ? null : afterScheme(authorization);
  return named ?? (sources.cookie || null) ?? otherCredential(sources);
}

/** The token a sign-out ends: the custom header is not looked at. */
export function signOutCredentialOf({ headers, cookie }: Pick<Sources, 'headers' | 'cookie'>): string | null {
  return afterScheme(headers.authorization) ?? (cookie || null);
}

function bearer(header: string | undefined): string | null {
  const parts = /^bearer (.*)$/is.exec(header ?? '');
  return parts?.[1] || null;
}

function afterScheme(header: string | undefined): string | null {
  const parts = (header ?? '').split(' ');
  return parts.length === 2 ? parts[1] || null : null;
}

/** A gateway's own `Authorization: Basic` must not hide the API key header, so only an API key comes before it. */
function otherCredential({ headers, apiKeyHeader }: Sources): string | null {
  const { authorization } = headers;
  const named = authorization?.startsWith('sk-') ? authorization : afterScheme(authorization);
  if (named?.startsWith('sk-')) return named;
  const custom = apiKeyHeader === null ? undefined : headers[apiKeyHeader];
  return (Array.isArray(custom) ? custom[0] : custom) || named;
}
