import type { FastifyRequest } from 'fastify';
import type { User } from '../../kernel/http/principal.ts';
import { isObject } from '../../kernel/json.ts';
import type { Group } from '../access/index.ts';
import { nameParts } from './user-patch.ts';

export const BASE = '/api/v1/scim/v2';
export const USER_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:User';
export const GROUP_SCHEMA = 'urn:ietf:params:scim:schemas:core:2.0:Group';

/** An id with the text shown for it. */
export interface Named {
  id: string;
  name: string;
}

/** The address of this API as the caller knows it. */
export function baseOf(request: FastifyRequest): string {
  return `${request.protocol}://${request.headers.host ?? request.hostname}${BASE}`;
}

const day = (seconds: number): string => `${new Date(seconds * 1_000).toISOString().slice(0, 19)}+00:00`;

function meta(
  resourceType: 'User' | 'Group',
  base: string,
  row: { id: string; created_at: number; updated_at: number },
) {
  return {
    resourceType,
    created: day(row.created_at),
    lastModified: day(row.updated_at),
    location: `${base}/${resourceType}s/${row.id}`,
    version: null,
  };
}

/** An account as identity providers see it (identity note, 17.3). */
export function presentScimUser(user: User, groups: readonly Named[], base: string) {
  return {
    schemas: [USER_SCHEMA],
    id: user.id,
    externalId: externalIdOf(user.scim),
    userName: user.email,
    name: {
      formatted: user.name,
      ...nameParts(user.name),
      middleName: null,
      honorificPrefix: null,
      honorificSuffix: null,
    },
    displayName: user.name,
    emails: [{ value: user.email, type: 'work', primary: true, display: null }],
    active: user.role !== 'pending',
    photos: [
      {
        value: user.profile_image_url || `/api/v1/users/${user.id}/profile/image`,
        type: 'photo',
        primary: true,
        display: null,
      },
    ],
    groups:
      groups.length === 0
        ? null
        : groups.map(({ id, name }) => ({ value: id, display: name, $ref: `${base}/Groups/${id}`, type: 'direct' })),
    meta: meta('User', base, user),
  };
}

/** The id some provider knows an account or group by. */
export function externalIdOf(scim: unknown): string | null {
  if (!isObject(scim)) return null;
  for (const entry of Object.values(scim)) {
    if (isObject(entry) && 'external_id' in entry)
      return typeof entry.external_id === 'string' ? entry.external_id : null;
  }
  return null;
}

/** A group; `members` null leaves them out. */
export function presentScimGroup(group: Group, members: readonly Named[] | null, base: string) {
  return {
    schemas: [GROUP_SCHEMA],
    id: group.id,
    externalId: externalIdOf(isObject(group.meta) ? group.meta.scim : null),
    displayName: group.name,
    ...(members && {
      members: members.map(({ id, name }) => ({
        value: id,
        $ref: `${base}/Users/${id}`,
        type: 'User',
        display: name,
      })),
    }),
    meta: meta('Group', base, group),
  };
}

export interface Page {
  startIndex: number;
  count: number;
}

const MAX_COUNT = 100;

/** Which rows a list asks for; `startIndex` counts from 1. */
export function pageOf({ startIndex, count }: Page): Page {
  return { startIndex: Math.max(1, startIndex), count: Math.min(MAX_COUNT, Math.max(0, count)) };
}

export function presentList(resources: readonly unknown[], total: number, { startIndex }: Page) {
  return {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:ListResponse'],
    totalResults: total,
    itemsPerPage: resources.length,
    startIndex,
    Resources: resources,
  };
}
