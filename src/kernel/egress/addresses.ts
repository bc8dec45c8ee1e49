import { BlockList, isIP } from 'node:net';

/** Networks that are not globally routable (IANA special-purpose registries; retrieval note, 7). */
const SPECIAL_V4 =
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4';
const SPECIAL_V6 =
  '::/128 ::1/128 ::ffff:0:0/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001:db8::/32 2002::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10';
/** Inside the special networks, but routable. */
const ROUTABLE_V4 = '192.0.0.9/32 192.0.0.10/32';
const ROUTABLE_V6 = '2001:1::1/128 2001:1::2/128 2001:3::/32 2001:4:112::/48 2001:20::/28 2001:30::/28';

/** A set of networks; texts that are no address or network are left out. */
export function networks(list: readonly string[]): BlockList {
  const blocks = new BlockList();
  for (const item of list) {
    const [address = '', length] = item.split('/');
    const version = isIP(address);
    if (version === 0) continue;
    const family = version === 4 ? 'ipv4' : 'ipv6';
    const bits = length === undefined ? (version === 4 ? 32 : 128) : Number(length);
    if (Number.isInteger(bits) && bits >= 0 && bits <= (version === 4 ? 32 : 128)) {
      blocks.addSubnet(address, bits, family);
    }
  }
  return blocks;
}

const special = { 4: networks(SPECIAL_V4.split(' ')), 6: networks(SPECIAL_V6.split(' ')) };
const routable = { 4: networks(ROUTABLE_V4.split(' ')), 6: networks(ROUTABLE_V6.split(' ')) };

/** Whether the whole internet can reach the address itself; embedded IPv4 addresses are looked at apart. */
export function isGlobal(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !special[4].check(address, 'ipv4') || routable[4].check(address, 'ipv4');
  if (version === 6) return !special[6].check(address, 'ipv6') || routable[6].check(address, 'ipv6');
  return false;
}

/** The address and every IPv4 address it embeds (mapped, compatible, 6to4, Teredo, NAT64). */
export function withEmbedded(address: string): string[] {
  const groups = isIP(address) === 6 ? expand(address) : null;
  if (!groups) return [address];
  const v4 = (high: number, low: number) => `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups;
  const found = [address];
  const leadingZero = a === 0 && b === 0 && c === 0 && d === 0;
  if (leadingZero && e === 0 && (f === 0xffff || (f === 0 && (g !== 0 || h > 1)))) found.push(v4(g, h));
  if (a === 0x2002) found.push(v4(b, c));
  if (a === 0x2001 && b === 0) found.push(v4(c, d), v4(g ^ 0xffff, h ^ 0xffff));
  if (a === 0x64 && b === 0xff9b && (c === 1 || (c === 0 && d === 0 && e === 0 && f === 0))) found.push(v4(g, h));
  return found;
}

function expand(address: string): number[] | null {
  const [plain = ''] = address.split('%');
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain);
  const text = dotted
    ? `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
    : plain;
  const [head = '', tail] = text.split('::');
  const read = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const start = read(head);
  if (tail === undefined) return start.length === 8 ? start : null;
  const end = read(tail);
  return [...start, ...new Array<number>(Math.max(0, 8 - start.length - end.length)).fill(0), ...end];
}
