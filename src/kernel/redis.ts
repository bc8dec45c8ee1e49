import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import type { Settings } from './settings/index.ts';
import type { Log } from './telemetry/log.ts';

export type RedisClient = Redis | Cluster;

/** The commands features send; keys may lie on different nodes of a cluster. */
export interface RedisCommands {
  mget(...keys: string[]): Promise<(string | null)[]>;
  set(key: string, value: string, unit: 'EX', seconds: number): Promise<unknown>;
  incr(key: string): Promise<number>;
  expire(key: string, seconds: number): Promise<unknown>;
}

/** One Redis: where it is, and how to talk to it (configuration note, 12). */
export interface RedisPlace {
  /** What may be shown: without password. */
  description: string;
  /** A new client; it connects on its own, and again whenever the connection is lost. Commands fail while there is none. */
  connect(): RedisClient;
}

export interface OpenRedis {
  commands: RedisCommands;
  /** Throws while Redis does not answer. */
  ping(): Promise<void>;
  close(): void;
}

interface Topology {
  url: string;
  cluster: boolean;
  sentinelHosts: readonly string[];
  sentinelPort: number;
  /** Options as the reference's client names them. */
  options: Record<string, unknown>;
}

/** How long the start of the server waits for Redis. */
export const START_MS = 5_000;
const CONNECT_MS = 5_000;
const COMMAND_MS = 5_000;
const MAX_PAUSE_MS = 2_000;
const WARN_EVERY_MS = 60_000;

/** The Redis for revocation, rate limits and messages; null where none is configured. */
export async function mainRedis(settings: Settings, log: Log): Promise<RedisPlace | null> {
  const sentinelHosts = settings.get('REDIS_SENTINEL_HOSTS');
  const url = settings.get('REDIS_URL');
  if (url === '' && sentinelHosts.length === 0) return null;
  const cluster = settings.get('REDIS_CLUSTER');
  return placeOf(
    { url, cluster, sentinelHosts, sentinelPort: settings.get('REDIS_SENTINEL_PORT'), options: {} },
    settings,
    log,
  );
}

/** The Redis between the processes' sockets: its own one with WEBSOCKET_MANAGER=redis, else the main one. */
export async function messageRedis(settings: Settings, main: RedisPlace | null, log: Log): Promise<RedisPlace | null> {
  if (settings.get('WEBSOCKET_MANAGER') !== 'redis') return main;
  const sentinelHosts = settings.get('WEBSOCKET_SENTINEL_HOSTS');
  const url = settings.get('WEBSOCKET_REDIS_URL');
  if (url === '' && sentinelHosts.length === 0) return main;
  const topology = {
    url,
    cluster: settings.get('WEBSOCKET_REDIS_CLUSTER'),
    sentinelHosts,
    sentinelPort: settings.get('WEBSOCKET_SENTINEL_PORT'),
    options: settings.get('WEBSOCKET_REDIS_OPTIONS'),
  };
  return placeOf(topology, settings, log);
}

/** Resolves when a client is connected, or when that takes too long; it goes on trying then. */
export async function connected(client: RedisClient): Promise<void> {
  if (client.status === 'ready') return;
  await atMost(new Promise<void>((resolve) => client.once('ready', () => resolve())), START_MS);
}

/** Resolves with the promise, or after some milliseconds. */
export async function atMost(promise: Promise<void>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([promise, over]);
  clearTimeout(timer);
}

/** Opens the client whose commands all features share. */
export async function openRedis(place: RedisPlace): Promise<OpenRedis> {
  const client = place.connect();
  await connected(client);
  const mget = async (...keys: string[]): Promise<(string | null)[]> =>
    client.isCluster ? Promise.all(keys.map((key) => client.get(key))) : client.mget(...keys);
  return {
    commands: {
      mget,
      set: (key, value, unit, seconds) => client.set(key, value, unit, seconds),
      incr: (key) => client.incr(key),
      expire: (key, seconds) => client.expire(key, seconds),
    },
    async ping() {
      await client.ping();
    },
    close: () => client.disconnect(),
  };
}

async function placeOf(topology: Topology, settings: Settings, log: Log): Promise<RedisPlace> {
  const { Redis, Cluster } = await import('ioredis');
  const url = new URL(topology.url || 'redis://mymaster');
  const options = clientOptions(url, topology, settings);
  const description = url.href.replace(/(:\/\/[^:@/]*):[^@]*@/, '$1:***@');
  let quietUntil = 0;
  const watched = <C extends RedisClient>(client: C): C => {
    client.on('error', (error: Error) => {
      if (performance.now() < quietUntil) return;
      quietUntil = performance.now() + WARN_EVERY_MS;
      log.warn({ err: error, redis: description }, 'Redis cannot be reached');
    });
    return client;
  };
  const host = url.hostname || '127.0.0.1';
  const port = Number(url.port) || 6379;
  if (topology.sentinelHosts.length > 0) {
    const name = serviceName(topology.url);
    const sentinels = topology.sentinelHosts.map((one) => ({ host: one, port: topology.sentinelPort }));
    const own = {
      ...options,
      name,
      sentinels,
      ...(options.username ? { sentinelUsername: options.username } : {}),
      ...(options.password ? { sentinelPassword: options.password } : {}),
      ...(options.tls ? { enableTLSForSentinelMode: true, sentinelTLS: options.tls } : {}),
    };
    return { description, connect: () => watched(new Redis(own)) };
  }
  if (topology.cluster) {
    const { retryStrategy, enableOfflineQueue: _one, db: _db, ...redisOptions } = options;
    const own: ClusterOptions = {
      redisOptions,
      enableOfflineQueue: false,
      clusterRetryStrategy: retryStrategy ?? null,
    };
    return { description, connect: () => watched(new Cluster([{ host, port }], own)) };
  }
  return { description, connect: () => watched(new Redis({ ...options, host, port })) };
}

/** Host part of the URL; its case counts. */
function serviceName(url: string): string {
  return /^\w+:\/\/(?:[^@/]*@)?([^:/?]+)/.exec(url)?.[1] ?? 'mymaster';
}

function clientOptions(url: URL, { options: given, sentinelHosts }: Topology, settings: Settings): RedisOptions {
  const option = (name: string): unknown => given[name] ?? url.searchParams.get(name);
  const milliseconds = (value: unknown): number | null => (Number(value) > 0 ? Number(value) * 1_000 : null);
  const pause = settings.get('REDIS_RECONNECT_DELAY');
  const db = Number(url.pathname.slice(1)) || Number(option('db')) || 0;
  const tls = tlsOptions(url, option);
  return {
    db,
    connectionName: String(option('client_name') ?? 'loggia'),
    ...(url.username ? { username: decodeURIComponent(url.username) } : {}),
    ...(url.password ? { password: decodeURIComponent(url.password) } : {}),
    ...(tls ? { tls } : {}),
    connectTimeout:
      milliseconds(option('socket_connect_timeout')) ??
      milliseconds(settings.get('REDIS_SOCKET_CONNECT_TIMEOUT')) ??
      CONNECT_MS,
    commandTimeout:
      milliseconds(option('socket_timeout')) ?? milliseconds(settings.get('REDIS_SOCKET_TIMEOUT')) ?? COMMAND_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: sentinelHosts.length > 0 ? settings.get('REDIS_SENTINEL_MAX_RETRY_COUNT') : 1,
    // After a failover the old master answers for a moment that it only may be read.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
    retryStrategy: (times) =>
      sentinelHosts.length > 0 && pause !== null ? pause : Math.min(times * 100, MAX_PAUSE_MS),
  };
}

function tlsOptions(url: URL, option: (name: string) => unknown): ConnectionOptions | null {
  if (url.protocol !== 'rediss:') return null;
  const authority = option('ssl_ca_certs');
  return {
    ...(option('ssl_cert_reqs') === 'none' ? { rejectUnauthorized: false } : {}),
    ...(typeof authority === 'string' && authority !== '' ? { ca: readFileSync(authority) } : {}),
  };
}
