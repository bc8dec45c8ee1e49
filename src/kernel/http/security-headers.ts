/** Environment variables that each add one header to every answer (configuration note, 7.4). */
export const securityHeaderVariables = [
  'CACHE_CONTROL',
  'HSTS',
  'PERMISSIONS_POLICY',
  'REFERRER_POLICY',
  'XCONTENT_TYPE',
  'XDOWNLOAD_OPTIONS',
  'XFRAME_OPTIONS',
  'XPERMITTED_CROSS_DOMAIN_POLICIES',
  'CONTENT_SECURITY_POLICY',
  'CONTENT_SECURITY_POLICY_REPORT_ONLY',
  'CROSS_ORIGIN_EMBEDDER_POLICY',
  'CROSS_ORIGIN_OPENER_POLICY',
  'CROSS_ORIGIN_RESOURCE_POLICY',
  'REPORTING_ENDPOINTS',
] as const;

type Variable = (typeof securityHeaderVariables)[number];

interface Rule {
  header: string;
  /** What the value must be, else `otherwise` is sent. Without: taken as it is. */
  accepts?: RegExp;
  otherwise?: string;
}

const FEATURES =
  'accelerometer|autoplay|camera|clipboard-read|clipboard-write|fullscreen|geolocation|gyroscope|magnetometer|microphone|midi|payment|picture-in-picture|sync-xhr|usb|xr-spatial-tracking';
const CACHE =
  'public|private|no-cache|no-store|must-revalidate|proxy-revalidate|max-age=\\d+|s-maxage=\\d+|no-transform|immutable';
const REFERRER =
  'no-referrer|no-referrer-when-downgrade|origin|origin-when-cross-origin|same-origin|strict-origin|strict-origin-when-cross-origin|unsafe-url';

/** Matches the whole value, in any case. */
function whole(source: string): RegExp {
  return new RegExp(`^(?:${source})$`, 'i');
}

/** Matches a comma list of such items. */
function listOf(source: string): RegExp {
  return whole(`(?:${source})(?:\\s*,\\s*(?:${source}))*`);
}

/** No value: the fallback is always sent. */
const NOTHING = /(?!)/;

const RULES: Record<Variable, Rule> = {
  CACHE_CONTROL: { header: 'cache-control', accepts: listOf(CACHE), otherwise: 'no-store, max-age=0' },
  HSTS: {
    header: 'strict-transport-security',
    accepts: whole('max-age=\\d+(?:;\\s*includeSubDomains)?(?:;\\s*preload)?'),
    otherwise: 'max-age=31536000;includeSubDomains',
  },
  PERMISSIONS_POLICY: {
    header: 'permissions-policy',
    accepts: listOf(`(?:${FEATURES})=\\((?:self)?\\)`),
    otherwise: 'none',
  },
  REFERRER_POLICY: { header: 'referrer-policy', accepts: whole(REFERRER), otherwise: 'no-referrer' },
  XCONTENT_TYPE: { header: 'x-content-type-options', accepts: NOTHING, otherwise: 'nosniff' },
  XDOWNLOAD_OPTIONS: { header: 'x-download-options', accepts: NOTHING, otherwise: 'noopen' },
  XFRAME_OPTIONS: { header: 'x-frame-options', accepts: whole('DENY|SAMEORIGIN'), otherwise: 'DENY' },
  XPERMITTED_CROSS_DOMAIN_POLICIES: {
    header: 'x-permitted-cross-domain-policies',
    accepts: whole('none|master-only|by-content-type|by-ftp-filename'),
    otherwise: 'none',
  },
  CONTENT_SECURITY_POLICY: { header: 'content-security-policy' },
  CONTENT_SECURITY_POLICY_REPORT_ONLY: { header: 'content-security-policy-report-only' },
  CROSS_ORIGIN_EMBEDDER_POLICY: {
    header: 'cross-origin-embedder-policy',
    accepts: whole('unsafe-none|require-corp|credentialless'),
    otherwise: 'require-corp',
  },
  CROSS_ORIGIN_OPENER_POLICY: {
    header: 'cross-origin-opener-policy',
    accepts: whole('unsafe-none|same-origin-allow-popups|same-origin'),
    otherwise: 'same-origin',
  },
  CROSS_ORIGIN_RESOURCE_POLICY: {
    header: 'cross-origin-resource-policy',
    accepts: whole('same-site|same-origin|cross-origin'),
    otherwise: 'same-origin',
  },
  REPORTING_ENDPOINTS: { header: 'reporting-endpoints' },
};

/** The headers that the operator wants with every answer; a value that makes no sense gives the safe one. */
export function securityHeaders(read: (variable: Variable) => string | null): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const variable of securityHeaderVariables) {
    const value = read(variable);
    if (!value) continue;
    const { header, accepts, otherwise } = RULES[variable];
    headers[header] = accepts && otherwise !== undefined && !accepts.test(value) ? otherwise : value;
  }
  return headers;
}
