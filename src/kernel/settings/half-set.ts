import type { SettingName } from './variables/index.ts';

type Text = (name: SettingName) => string;

interface Pair {
  names: readonly SettingName[];
  /** Names of which at least one is needed too. */
  oneOf?: readonly SettingName[];
  /** The check is skipped when this holds. */
  unless?: (text: Text, values: ReadonlyMap<string, unknown>) => boolean;
  why: string;
}

const stored = (_text: Text, values: ReadonlyMap<string, unknown>) =>
  values.get('ENABLE_OAUTH_PERSISTENT_CONFIG') === true;

/** Variables that mean something only together. */
const groups: readonly Pair[] = [
  { names: ['WEBUI_ADMIN_EMAIL', 'WEBUI_ADMIN_PASSWORD'], why: 'the first administrator needs both' },
  {
    names: ['DATABASE_TYPE', 'DATABASE_HOST', 'DATABASE_PORT', 'DATABASE_NAME'],
    oneOf: ['DATABASE_USER', 'DATABASE_PASSWORD'],
    unless: (text) => text('DATABASE_URL') !== '' || /^sqlite/.test(text('DATABASE_TYPE')),
    why: 'the database URL is put together from all of them',
  },
  { names: ['S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'], why: 'an access key is a pair' },
  { names: ['SEARXNG_CLIENT_CERT_FILE', 'SEARXNG_CLIENT_KEY_FILE'], why: 'a client certificate needs its key' },
  { names: ['GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET'], unless: stored, why: 'Google sign-in needs both' },
  { names: ['GITHUB_CLIENT_ID', 'GITHUB_CLIENT_SECRET'], unless: stored, why: 'GitHub sign-in needs both' },
  { names: ['FEISHU_CLIENT_ID', 'FEISHU_CLIENT_SECRET'], unless: stored, why: 'Feishu sign-in needs both' },
  {
    names: ['MICROSOFT_CLIENT_ID', 'MICROSOFT_CLIENT_SECRET', 'MICROSOFT_CLIENT_TENANT_ID'],
    unless: stored,
    why: 'Microsoft sign-in needs all three',
  },
  {
    names: ['OAUTH_CLIENT_ID', 'OPENID_PROVIDER_URL'],
    oneOf: ['OAUTH_CLIENT_SECRET', 'OAUTH_CODE_CHALLENGE_METHOD'],
    unless: stored,
    why: 'OIDC sign-in needs them',
  },
];

interface Needs {
  when: (values: ReadonlyMap<string, unknown>) => boolean;
  names: readonly SettingName[];
  because: string;
}

/** Variables a switch makes necessary. */
const needs: readonly Needs[] = [
  { when: (v) => v.get('STORAGE_PROVIDER') === 's3', names: ['S3_BUCKET_NAME'], because: 'STORAGE_PROVIDER=s3' },
  { when: (v) => v.get('STORAGE_PROVIDER') === 'gcs', names: ['GCS_BUCKET_NAME'], because: 'STORAGE_PROVIDER=gcs' },
  {
    when: (v) => v.get('STORAGE_PROVIDER') === 'azure',
    names: ['AZURE_STORAGE_ENDPOINT', 'AZURE_STORAGE_CONTAINER_NAME'],
    because: 'STORAGE_PROVIDER=azure',
  },
  {
    when: (v) => v.get('VECTOR_DB') === 'pgvector' && v.get('PGVECTOR_PGCRYPTO') === true,
    names: ['PGVECTOR_PGCRYPTO_KEY'],
    because: 'PGVECTOR_PGCRYPTO=true',
  },
];

/** One line per group that is set in part only. */
export function halfSetGroups(text: Text, values: ReadonlyMap<string, unknown>): string[] {
  const problems: string[] = [];
  for (const { names, oneOf = [], unless, why } of groups) {
    // PostgreSQL clients' own user and password alone say nothing about the group.
    if (!names.some((name) => text(name) !== '') || unless?.(text, values)) continue;
    const missing: string[] = names.filter((name) => text(name) === '');
    if (oneOf.length > 0 && oneOf.every((name) => text(name) === '')) missing.push(oneOf.join(' or '));
    if (missing.length > 0) {
      const there = names.filter((name) => text(name) !== '').join(', ');
      problems.push(`${missing.join(', ')}: not set, but ${there} is; ${why}`);
    }
  }
  for (const { when, names, because } of needs) {
    if (!when(values)) continue;
    for (const name of names) if (!text(name)) problems.push(`${name}: not set, but needed by ${because}`);
  }
  return problems;
}
