import assert from 'node:assert/strict';
import { it } from 'node:test';
import { trustedPeers } from './trusted-peers.ts';

it('peers are trusted as the operator says', () => {
  const byDefault = trustedPeers('');
  for (const address of ['127.0.0.1', '::1', '10.1.2.3', '192.168.0.9', '172.31.0.1', 'fd00::1', '::ffff:10.0.0.1']) {
    assert.equal(byDefault(address), true, address);
  }
  for (const address of ['8.8.8.8', '172.32.0.1', '2001:db8::1', '::ffff:8.8.8.8', 'nonsense', '', undefined]) {
    assert.equal(byDefault(address), false, String(address));
  }
  const named = trustedPeers(' 203.0.113.7, 198.51.100.0/24 ,2001:db8::/32, loopback');
  for (const address of ['203.0.113.7', '198.51.100.200', '2001:db8:9::1', '127.0.0.9', '::ffff:203.0.113.7']) {
    assert.equal(named(address), true, address);
  }
  for (const address of ['203.0.113.8', '198.51.101.1', '10.0.0.1', '2001:db9::1'])
    assert.equal(named(address), false, address);
  assert.equal(trustedPeers('10.0.0.1, *')('8.8.8.8'), true);
  for (const bad of ['proxy.example.com', '10.0.0.0/33', '10.0.0.0/x', 'fe80::/129']) {
    assert.throws(() => trustedPeers(bad), /FORWARDED_ALLOW_IPS/);
  }
});
