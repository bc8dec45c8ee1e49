import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { securityHeaders } from './security-headers.ts';

const headersOf = (env: Record<string, string>) => securityHeaders((name) => env[name] ?? null);

describe('security headers', () => {
  it('are none where nothing is set', () => {
    assert.deepEqual(headersOf({ HSTS: '', XFRAME_OPTIONS: '' }), {});
  });

  it('take accepted values as they are, in any case', () => {
    assert.deepEqual(
      headersOf({
        HSTS: 'max-age=60;includesubdomains;preload',
        XFRAME_OPTIONS: 'sameorigin',
        CACHE_CONTROL: 'private, max-age=5',
        PERMISSIONS_POLICY: 'camera=(),microphone=(self)',
        CONTENT_SECURITY_POLICY: "default-src 'self'",
      }),
      {
        'strict-transport-security': 'max-age=60;includesubdomains;preload',
        'x-frame-options': 'sameorigin',
        'cache-control': 'private, max-age=5',
        'permissions-policy': 'camera=(),microphone=(self)',
        'content-security-policy': "default-src 'self'",
      },
    );
  });

  it('send the safe value for what makes no sense', () => {
    assert.deepEqual(
      headersOf({
        HSTS: 'max-age=60; somethingElse',
        XFRAME_OPTIONS: 'ALLOW-FROM https://evil.example',
        CACHE_CONTROL: 'private, forever',
        PERMISSIONS_POLICY: 'camera=*',
        REFERRER_POLICY: 'origin-ish',
        XCONTENT_TYPE: 'anything',
        XDOWNLOAD_OPTIONS: 'anything',
        CROSS_ORIGIN_OPENER_POLICY: 'none',
      }),
      {
        'strict-transport-security': 'max-age=31536000;includeSubDomains',
        'x-frame-options': 'DENY',
        'cache-control': 'no-store, max-age=0',
        'permissions-policy': 'none',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-download-options': 'noopen',
        'cross-origin-opener-policy': 'same-origin',
      },
    );
  });
});
