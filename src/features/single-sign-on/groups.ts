import { isObject, type JsonObject } from '../../kernel/json.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { Log } from '../../kernel/telemetry/log.ts';
import { listClaim } from './claims.ts';

export interface GroupRules {
  /** Name of the claim that lists groups. */
  claim: string;
  separator: string;
  blocked(name: string): boolean;
  create: boolean;
  share: boolean | 'members';
}

/** How claims decide about memberships; null: they do not. */
export function groupRules(
  config: Pick<Config, 'get' | 'stored'>,
  settings: Pick<Settings, 'get'>,
  log: Log,
): GroupRules | null {
  if (!config.get('oauth.enable_group_mapping')) return null;
  return {
    claim: config.get('oauth.group_claim'),
    separator: settings.get('OAUTH_GROUPS_SEPARATOR'),
    blocked: blockedNames(config.stored('oauth.blocked_groups'), (pattern) =>
      log.warn({ pattern }, 'a pattern of oauth.blocked_groups is no regular expression and is not used'),
    ),
    create: config.get('oauth.enable_group_creation'),
    share: config.get('oauth.group_default_share'),
  };
}

/** The first of several sets of claims that lists groups at all counts. */
export function claimedGroups(rules: GroupRules, sources: readonly JsonObject[]): string[] {
  for (const claims of sources) {
    const groups = listClaim(claims, rules.claim, rules.separator);
    if (groups.length > 0) return groups;
  }
  return [];
}

const REGEX = /[\^$[\](){}+\\|]/;
/** Names are matched by patterns of administrators; this bounds what a careless one can cost. */
const LONGEST_NAME = 255;

/** Decides which names are never touched: equal ones, shell wildcards and regular expressions (identity note, 8.6). */
export function blockedNames(stored: unknown, onInvalid: (pattern: string) => void): (name: string) => boolean {
  const tests = patternsOf(stored).map((pattern): ((name: string) => boolean) => {
    if (REGEX.test(pattern)) {
      try {
        const regex = new RegExp(pattern);
        return (name) => name === pattern || regex.test(name);
      } catch {
        onInvalid(pattern);
        return (name) => name === pattern;
      }
    }
    if (!/[*?]/.test(pattern)) return (name) => name === pattern;
    const source = pattern.replace(/[.*?/-]/g, (one) => (one === '*' ? '.*' : one === '?' ? '.' : `\\${one}`));
    const wildcard = new RegExp(`^${source}$`, 's');
    return (name) => wildcard.test(name);
  });
  // A name too long to be looked at is left alone.
  return (name) => name.length > LONGEST_NAME || tests.some((test) => test(name));
}

/** A JSON list, a list, or a text with commas. */
function patternsOf(stored: unknown): string[] {
  let list: unknown = stored;
  if (typeof stored === 'string') {
    try {
      const parsed: unknown = JSON.parse(stored);
      list = Array.isArray(parsed) ? parsed : isObject(parsed) ? [] : stored.split(',');
    } catch {
      list = stored.split(',');
    }
  }
  if (!Array.isArray(list)) return [];
  return list.flatMap((one) => (typeof one === 'string' && one.trim() !== '' ? [one.trim()] : []));
}
