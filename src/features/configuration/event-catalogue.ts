/** Every event the program publishes, in catalogue order (realtime note, 9.2): resource, then its operations. */
const operations: readonly (readonly [string, string])[] = [
  ['system', 'startup.started startup.completed shutdown.started shutdown.completed'],
  [
    'config',
    'imported updated webhook.updated connections.updated tool_servers.updated terminal_servers.updated code_execution.updated models.updated banners.updated suggestions.updated',
  ],
  [
    'auth',
    'signup mfa.enrolled mfa.replaced mfa.failed mfa.throttled mfa.recovery_used mfa.recovery_codes_regenerated mfa.reset_requested mfa.reset_completed mfa.policy_changed login sessions_revoked logout password_changed api_key.created api_key.deleted oauth_session.deleted',
  ],
  ['user', 'created updated deleted role_updated status_updated settings_updated profile_updated permissions_updated'],
  ['group', 'created updated deleted member_added member_removed'],
  [
    'chat',
    'created finished failed imported updated deleted deleted_all compacted pinned unpinned cloned archived unarchived shared unshared folder_updated tag_added tag_removed',
  ],
  ['message', 'created updated deleted event_received reaction_added reaction_removed pinned unpinned'],
  [
    'channel',
    'created updated deleted member_added member_removed member_active_updated message webhook.created webhook.updated webhook.deleted',
  ],
  ['file', 'uploaded content_updated renamed deleted deleted_all'],
  ['folder', 'created updated parent_updated access_updated deleted'],
  ['note', 'created updated access_updated pinned unpinned deleted'],
  ['memory', 'created updated deleted reset'],
  [
    'knowledge',
    'created updated deleted reset reindexed access_updated file.added file.updated file.removed file.moved directory.created directory.updated directory.deleted external_connection.created external_connection.updated external_connection.deleted',
  ],
  ['retrieval', 'content.processed content.process_failed collection.deleted vector_db.reset uploads.reset'],
  [
    'model',
    'created imported synced updated deleted enabled disabled access_updated provider_config.updated provider_request.failed provider_model.created provider_model.deleted',
  ],
  ['function', 'created updated deleted enabled disabled enable_started disable_started valves_updated'],
  ['tool', 'created updated deleted access_updated valves_updated'],
  ['skill', 'created updated deleted enabled disabled'],
  ['prompt', 'created updated deleted enabled disabled version_updated access_updated'],
  ['pipeline', 'uploaded added deleted valves_updated'],
  [
    'calendar',
    'created updated deleted default_updated event.created event.updated event.deleted event.rsvp_updated alert',
  ],
  ['automation', 'created updated enabled disabled deleted run_started run_completed run_failed'],
  ['feedback', 'created updated deleted deleted_all'],
  ['image', 'generated edited'],
  ['audio', 'speech_requested transcription_requested'],
  ['terminal', 'session.opened session.closed'],
  ['notification', 'test manual'],
];

/** Labels that do not follow the rule. */
const labels: Record<string, string> = {
  'config.webhook.updated': 'Webhook configuration updated',
  'auth.signup': 'User signed up',
  'auth.login': 'User logged in',
  'auth.logout': 'User logged out',
  'auth.sessions_revoked': 'User sessions revoked',
  'auth.password_changed': 'Password changed',
  'auth.api_key.created': 'API key created',
  'auth.api_key.deleted': 'API key deleted',
  'auth.oauth_session.deleted': 'OAuth session deleted',
  'model.provider_request.failed': 'Model provider request failed',
  'model.provider_model.created': 'Provider model created',
  'model.provider_model.deleted': 'Provider model deleted',
  'audio.speech_requested': 'Speech requested',
  'audio.transcription_requested': 'Transcription requested',
  'notification.manual': 'Notification sent',
};

export interface CatalogueEntry {
  event: string;
  description: string;
  /** Label shown to people. */
  message: string;
}

const words = (segment: string) => segment.replaceAll('_', ' ');
const title = (segment: string) => words(segment).replace(/\b\p{L}/gu, (letter) => letter.toUpperCase());

function labelOf(event: string): string {
  const given = labels[event];
  if (given) return given;
  const segments = event.split('.');
  const operation = words(segments.at(-1) ?? '');
  if (segments[0] === 'auth' && segments[1] === 'mfa') return `MFA ${operation}`;
  // "Startup started", not "System Startup started".
  const resource = segments.slice(segments[0] === 'system' ? 1 : 0, -1);
  return [...resource.map(title), operation].join(' ');
}

export const catalogue: readonly CatalogueEntry[] = operations.flatMap(([resource, list]) =>
  list.split(' ').map((operation) => {
    const event = `${resource}.${operation}`;
    return { event, message: labelOf(event), description: `${labelOf(event)}.` };
  }),
);

const names = new Set(catalogue.map(({ event }) => event));

/** Whether an event filter is known: `*`, a name, or `<prefix>.*` with at least one name below it. */
export function filterProblem(filter: string): string | null {
  if (filter === '*' || names.has(filter)) return null;
  if (!filter.endsWith('.*')) return `Invalid event: ${filter}`;
  const prefix = filter.slice(0, -1);
  return [...names].some((name) => name.startsWith(prefix)) ? null : `Invalid event pattern: ${filter}`;
}
