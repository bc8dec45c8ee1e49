import { isObject } from '../../kernel/json.ts';
import type { WireGrant } from '../access/index.ts';
import type { Version } from '../versions/index.ts';
import type { PromptRow } from './store.ts';

/** A row as PromptModel. */
export function presentPrompt(row: PromptRow, grants: WireGrant[]) {
  return {
    id: row.id,
    command: row.command ?? '',
    user_id: row.user_id,
    name: row.name,
    content: row.content,
    data: isObject(row.data) ? row.data : {},
    meta: isObject(row.meta) ? row.meta : {},
    tags: tagsOf(row.tags),
    is_active: row.is_active,
    version_id: row.version_id,
    created_at: row.created_at,
    updated_at: row.updated_at,
    access_grants: grants,
  };
}

/** An entry as PromptHistoryModel. */
export function presentVersion({ object_id, snapshot, ...entry }: Version) {
  return {
    id: entry.id,
    prompt_id: object_id,
    parent_id: entry.parent_id,
    snapshot: isObject(snapshot) ? snapshot : {},
    user_id: entry.user_id,
    commit_message: entry.commit_message,
    created_at: entry.created_at,
  };
}

export function tagsOf(tags: unknown): string[] {
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [];
}
