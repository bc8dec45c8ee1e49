import type { LookupAddress } from 'node:dns';
import { lookup as resolveName } from 'node:dns/promises';
import { isIP } from 'node:net';
import { detail, HttpError } from '../http/errors.ts';
import { isGlobal, networks, withEmbedded } from './addresses.ts';

/** Blocked even where local addresses are allowed: metadata services, and networks nobody serves pages from. */
const BUILT_IN_HOSTS = ['metadata.google.internal', 'metadata.azure.com'];
const BUILT_IN_NETWORKS =
  '169.254.169.254 fd00:ec2::254 100.100.100.200 168.63.129.16 192.88.99.0/24 224.0.0.0/4 ::ffff:0:0:0/96 64:ff9b:1::/48 100:0:0:1::/64 2001:1::1 2001:1::2 2001:20::/28 2001:30::/28 5f00::/16 fec0::/10 ff00::/8';

/** A request for a user that must not be made. */
export class AddressRefused extends Error {
  readonly code = 'ERR_ADDRESS_REFUSED';
  override readonly name = 'AddressRefused';
}

export interface GuardOptions {
  /** Private and local addresses may be reached too. */
  allowLocal: boolean;
  /** `!x` blocks a host or network, anything else is an allow list. */
  filter: readonly string[];
}

/** Decides which addresses may be reached for users (retrieval note, 7). */
export interface Guard {
  /** Throws AddressRefused; names are not resolved. */
  checkUrl(url: string): URL;
  /** `checkUrl`, and every address the name resolves to. */
  checkAddresses(url: string): Promise<void>;
  allowsAddress(address: string): boolean;
}

export function createGuard({ allowLocal, filter }: GuardOptions): Guard {
  const entries = filter.map((entry) => entry.replace(/[\s'"]/g, '').toLowerCase()).filter((entry) => entry !== '');
  const blocked = entries.filter((entry) => entry.startsWith('!')).map((entry) => entry.slice(1));
  const allowed = entries.filter((entry) => !entry.startsWith('!'));
  const blockedHosts = [...BUILT_IN_HOSTS, ...blocked];
  const blockedNetworks = networks([...BUILT_IN_NETWORKS.split(' '), ...blocked]);
  const allowedNetworks = networks(allowed);

  const allowsAddress = (address: string): boolean =>
    withEmbedded(address).every((one) => {
      if (blockedNetworks.check(one, isIP(one) === 6 ? 'ipv6' : 'ipv4')) return false;
      return allowLocal || isGlobal(one);
    });

  function checkUrl(text: string): URL {
    if (/[\\\t\r\n]/.test(text) || !URL.canParse(text)) throw new AddressRefused(`not a usable URL: ${text}`);
    const url = new URL(text);
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      throw new AddressRefused('only http and https are fetched');
    const host = hostOf(url);
    if (host === '' || (!allowLocal && isIP(host) === 0 && !host.includes('.'))) {
      throw new AddressRefused(`not a public host: ${host}`);
    }
    const inAllowed = hostMatches(host, allowed) || (isIP(host) !== 0 && contains(allowedNetworks, host));
    if (allowed.length > 0 && !inAllowed) throw new AddressRefused(`not among the allowed hosts: ${host}`);
    if (hostMatches(host, blockedHosts)) throw new AddressRefused(`a blocked host: ${host}`);
    if (isIP(host) !== 0 && !allowsAddress(host)) throw new AddressRefused(`not a public address: ${host}`);
    return url;
  }

  return {
    checkUrl,
    allowsAddress,
    async checkAddresses(text) {
      const host = hostOf(checkUrl(text));
      if (isIP(host) !== 0) return;
      let found: LookupAddress[];
      try {
        found = await resolveName(host, { all: true });
      } catch (cause) {
        if (allowLocal) return;
        throw new AddressRefused(`cannot resolve ${host}`, { cause });
      }
      const bad = found.find(({ address }) => !allowsAddress(address));
      if (bad) throw new AddressRefused(`${host} resolves to an address that is not public`);
    },
  };
}

/** Throws 400 for a URL that must not be fetched for users. */
export async function assertPublicUrl(guard: Guard, url: string): Promise<void> {
  try {
    await guard.checkAddresses(url);
  } catch (cause) {
    throw new HttpError(400, detail.INVALID_URL, { code: 'url.refused', cause });
  }
}

function hostOf(url: URL): string {
  return url.hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
}

function hostMatches(host: string, list: readonly string[]): boolean {
  return list.some((entry) => host === entry || host.endsWith(`.${entry}`));
}

function contains(list: ReturnType<typeof networks>, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}
