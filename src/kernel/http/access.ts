import type { FastifyRequest } from 'fastify';
import { detail, HttpError, notFound, prohibited } from './errors.ts';
import type { Authenticator, PermissionCheck, Principal, User } from './principal.ts';

/** How one kind of object is loaded and who may do what with it. */
export interface Resource<T> {
  name: string;
  load(id: string, user: User): Promise<T | null | undefined>;
  /** `right` is what the route asked for, e.g. `read`, `write`, `own`. */
  allows(user: User, target: T, right: string): boolean | Promise<boolean>;
  missing(): HttpError;
  denied(right: string): HttpError;
}

type ResourceInput<T> = Pick<Resource<T>, 'name' | 'load' | 'allows'> &
  Partial<Pick<Resource<T>, 'missing' | 'denied'>>;

/** Declares a kind of object for `on()`. Missing objects answer 404, denied ones 401, unless told otherwise. */
export function resource<T>(input: ResourceInput<T>): Resource<T> {
  return { missing: () => notFound(), denied: () => prohibited(), ...input };
}

interface MayOptions {
  status?: number;
  detail?: string;
}

/** Who may call a route. Every route has exactly one. U: what the handler gets as `user`, T: as `target`. */
export interface Access<U = unknown, T = unknown> {
  kind: 'anyone' | 'token' | 'optional' | 'current' | 'human' | 'verified' | 'admin' | 'may' | 'on';
  /** Permission asked for, or `resource:right`; shown in the route list and the authorization matrix. */
  needs?: string;
  check?: (input: CheckInput) => Promise<T> | T;
  /** Of kind `token`: throws unless the request carries the secret. */
  guard?: (request: FastifyRequest) => void;
  /** Types only; never set. */
  user?: U;
}

export interface CheckInput {
  user: User;
  params: Record<string, string>;
  permissions: PermissionCheck;
}

/** No credential needed, none looked at. */
export const anyone: Access<undefined, undefined> = { kind: 'anyone' };
/** No account: another program that holds a secret of its own, which `guard` looks for. */
export function token(needs: string, guard: (request: FastifyRequest) => void): Access<undefined, undefined> {
  return { kind: 'token', needs, guard };
}

/** No credential needed; `user` is null for anonymous and pending callers. */
export const optional: Access<User | null, undefined> = { kind: 'optional' };
/** Any account, pending ones too. */
export const current: Access<User, undefined> = { kind: 'current' };
/** Any account, by a session token (no API key). */
export const human: Access<User, undefined> = { kind: 'human' };
/** Role `user` or `admin`. */
export const verified: Access<User, undefined> = { kind: 'verified' };
/** Role `admin`. */
export const admin: Access<User, undefined> = { kind: 'admin' };

/**
 * Verified, and the permission tree grants `permission`, or one of several (administrators always). Failure: 401 unless
 * told otherwise.
 */
export function may(permission: string | readonly string[], options: MayOptions = {}): Access<User, undefined> {
  const asked = typeof permission === 'string' ? [permission] : permission;
  return {
    kind: 'may',
    needs: asked.join('|'),
    async check({ user, permissions }) {
      if (user.role === 'admin') return undefined;
      for (const one of asked) if (await permissions(user, one)) return undefined;
      throw new HttpError(options.status ?? 401, options.detail ?? detail.ACCESS_PROHIBITED);
    },
  };
}

/** Verified, and `right` on the object named by path parameter `param`; the handler gets it as `target`. */
export function on<T>(kind: Resource<T>, right: string, param = 'id'): Access<User, T> {
  return {
    kind: 'on',
    needs: `${kind.name}:${right}`,
    async check({ user, params }) {
      const target = await kind.load(params[param] ?? '', user);
      if (target === null || target === undefined) throw kind.missing();
      if (!(await kind.allows(user, target, right))) throw kind.denied(right);
      return target;
    },
  };
}

/** A policy that counts only while the feature is switched on; else `off` answers, to administrators too. */
export function whileOn<T>(isOn: () => boolean, off: () => HttpError, access: Access<User, T>): Access<User, T> {
  return {
    // The role an administrators' route asks for is part of its kind.
    kind: access.kind === 'on' || access.kind === 'admin' ? access.kind : 'may',
    ...(access.needs !== undefined && { needs: access.needs }),
    async check(input) {
      if (!isOn()) throw off();
      return (await access.check?.(input)) as T;
    },
  };
}

/** Both: the permission first, then the object. */
export function both<T>(first: Access<User, undefined>, second: Access<User, T>): Access<User, T> {
  return {
    kind: 'on',
    needs: `${first.needs}+${second.needs}`,
    async check(input) {
      await first.check?.(input);
      return (await second.check?.(input)) as T;
    },
  };
}

export interface Admitted {
  user: User | null | undefined;
  credential: Principal['credential'] | null;
}

const humanOnly = 'A human session is required.';

/** Applies the first half of a route's policy: who calls, and the role. Throws the reference's answers (configuration note, 20.2). */
export async function admit(access: Access, request: FastifyRequest, authenticator: Authenticator): Promise<Admitted> {
  if (access.kind === 'anyone' || access.kind === 'token') {
    access.guard?.(request);
    return { user: undefined, credential: null };
  }
  if (access.kind === 'optional') {
    const known = await authenticator.identify(request);
    return { user: known?.user ?? null, credential: known?.credential ?? null };
  }
  const { user, credential } = await authenticator.authenticate(request);
  if (access.kind === 'human') {
    if (credential.kind !== 'session') throw new HttpError(403, humanOnly);
  } else if (access.kind === 'admin') {
    if (user.role !== 'admin') throw prohibited();
  } else if (access.kind !== 'current') {
    if (user.role !== 'admin' && user.role !== 'user') throw prohibited();
  }
  return { user, credential };
}

/**
 * The second half: permission and object; gives the `target`. Runs once the input has been validated: a wrong field
 * answers before a missing permission or object does.
 */
export async function examine(
  access: Access,
  { user }: Admitted,
  params: Record<string, string>,
  permissions: PermissionCheck,
): Promise<unknown> {
  if (!access.check) return undefined;
  if (!user) throw prohibited();
  return access.check({ user, params, permissions });
}
