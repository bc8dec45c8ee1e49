import { BlockList, isIP } from 'node:net';

/** Whether what a peer says of others counts: who the client is, and who somebody has been found to be. */
export type TrustedPeers = (address: string | undefined) => boolean;

/** Names that Express and its kin know. */
const NAMED: Record<string, readonly string[]> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/**
 * Reads FORWARDED_ALLOW_IPS: `*` trusts everybody (the reference's default); empty means loopback and private networks. The
 * client is the right-most address that is not trusted. Throws for an entry that is neither an address, a range nor a name.
 */
export function trustedPeers(setting: string): TrustedPeers {
  const entries = setting
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  if (entries.includes('*')) return () => true;
  const list = new BlockList();
  for (const entry of entries.length > 0 ? entries : Object.keys(NAMED)) {
    for (const range of NAMED[entry.toLowerCase()] ?? [entry]) add(list, range);
  }
  return (address) => {
    const family = isIP(address ?? '');
    return address !== undefined && family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };
}

function add(list: BlockList, range: string): void {
  const [address = '', length] = range.split('/');
  const family = isIP(address);
  const bits = length === undefined ? (family === 6 ? 128 : 32) : Number(length);
  if (family === 0 || !Number.isInteger(bits) || bits < 0 || bits > (family === 6 ? 128 : 32)) {
    throw new Error(
      `FORWARDED_ALLOW_IPS: ${JSON.stringify(range)} is neither an address nor a range such as 10.0.0.0/8`,
    );
  }
  list.addSubnet(address, bits, family === 6 ? 'ipv6' : 'ipv4');
}
