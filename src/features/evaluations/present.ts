import type { FeedbackRow, ListedFeedback } from './store.ts';

/** A row as FeedbackModel. */
export function presentFeedback(row: FeedbackRow) {
  return { ...presentHead(row), snapshot: objectOrNull(row.snapshot) };
}

/** A row as FeedbackUserResponse. */
export function presentListed(row: ListedFeedback) {
  return {
    ...presentHead(row),
    user: {
      id: row.author_id,
      name: row.author_name,
      email: row.author_email,
      role: row.author_role,
      last_active_at: row.author_last_active_at,
      updated_at: row.author_updated_at,
      created_at: row.author_created_at,
    },
  };
}

function presentHead(row: Omit<FeedbackRow, 'snapshot'>) {
  const { id, user_id, version, type, data, meta, created_at, updated_at } = row;
  return {
    id,
    user_id,
    version: version ?? 0,
    type,
    data: objectOrNull(data),
    meta: objectOrNull(meta),
    created_at,
    updated_at,
  };
}

function objectOrNull(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
}
