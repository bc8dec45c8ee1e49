import type { FastifyRequest } from 'fastify';
import { detail, HttpError } from '../../kernel/http/errors.ts';
import type { AccountOptions } from './options.ts';

type Names = NonNullable<AccountOptions['trusted']>;

/** Who a proxy says is there. */
export interface Announced {
  /** Lower case. */
  email: string;
  name: string;
  /** Empty: nothing was said of groups. */
  groups: string[];
  /** Lower case; empty: nothing was said. */
  role: string;
}

/**
 * Reads the proxy's headers (identity note, 6.6). Throws 400 unless they come from a proxy that is trusted, and each but once:
 * a proxy that adds to what its client sent would let the client say who it is.
 */
export function readAnnounced(request: FastifyRequest, names: Names): Announced {
  if (!names.isProxy(request.raw.socket.remoteAddress)) {
    request.log.warn(
      { peer: request.raw.socket.remoteAddress },
      'trusted headers from a peer outside FORWARDED_ALLOW_IPS',
    );
    throw missing();
  }
  const [email, name, groups, role] = [names.email, names.name, names.groups, names.role].map((header) =>
    header === null ? '' : once(request, header),
  );
  const address = (email ?? '').trim().toLowerCase();
  // A list, or what only looks like one person.
  if (address === '' || /[\s,;]/.test(address)) throw missing();
  return {
    email: address,
    name: decoded(name ?? '') || address,
    groups: splitList(groups ?? ''),
    role: (role ?? '').trim().toLowerCase(),
  };
}

/** The address a trusted proxy names; null where it names none, or the peer is no such proxy. */
export function announcedEmail(request: FastifyRequest, names: Names): string | null {
  const email = request.headers[names.email];
  if (typeof email !== 'string' || email === '' || !names.isProxy(request.raw.socket.remoteAddress)) return null;
  return email.toLowerCase();
}

function once({ raw, headers, log }: FastifyRequest, name: string): string {
  const times = raw.rawHeaders.filter((one, at) => at % 2 === 0 && one.toLowerCase() === name).length;
  if (times > 1) {
    log.warn({ header: name }, 'a trusted header came twice; the proxy has to replace what its client sends');
    throw missing();
  }
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? '';
}

function missing(): HttpError {
  return new HttpError(400, detail.INVALID_TRUSTED_HEADER, { code: 'trusted-header' });
}

/** A percent-encoded header value; as it stands when it is not well-formed. Node reads header bytes as Latin-1. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}
