import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Egress } from '../../../kernel/egress/index.ts';
import { namedFetch } from './named-fetch.ts';

/** Remembers where requests would have gone; `10.…` is the site's own network. */
function recorder() {
  const asked: string[] = [];
  const egress = {
    guard: {
      async checkAddresses(url: string) {
        if (new URL(url).hostname.startsWith('10.')) throw new Error('not public');
      },
    },
    async request(url: string, { reach = '' } = {}) {
      asked.push(`${reach} ${url}`);
      throw new Error('not sent');
    },
  };
  return { asked, egress: egress as unknown as Pick<Egress, 'request' | 'guard'> };
}

it('whom a server of the internet names is not looked for within the site', async () => {
  const { asked, egress } = recorder();
  const fetch = namedFetch(egress, ['https://tools.example.com/mcp', null], () => null);
  for (const url of ['https://tools.example.com/.well-known/x', 'http://10.0.0.1/token']) {
    await assert.rejects(fetch(url), /not sent/);
  }
  assert.deepEqual(asked, ['tool-server https://tools.example.com/.well-known/x', 'user http://10.0.0.1/token']);
});

it('a server of the site may name others of it', async () => {
  const { asked, egress } = recorder();
  const fetch = namedFetch(egress, ['http://10.0.0.2/mcp'], () => null);
  await assert.rejects(fetch('http://10.0.0.1/token'), /not sent/);
  assert.deepEqual(asked, ['tool-server http://10.0.0.1/token']);
});
