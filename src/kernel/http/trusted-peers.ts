/**
 * Whose X-Forwarded-* headers count, as Fastify's `trustProxy`. `*` trusts everybody (the reference's default);
 * empty means loopback and private networks. The client is the right-most address that is not trusted.
 */
export function trustedPeers(setting: string): boolean | string[] {
  const entries = setting
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  if (entries.includes('*')) return true;
  return entries.length > 0 ? entries : ['loopback', 'linklocal', 'uniquelocal'];
}
