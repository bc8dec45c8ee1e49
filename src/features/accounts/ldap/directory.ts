import { readFile } from 'node:fs/promises';
import net from 'node:net';
import tls from 'node:tls';
import type { Client, Entry, Filter } from 'ldapts';
import type { DirectorySettings } from './settings.ts';

/** What the directory holds of a person. */
export interface DirectoryEntry {
  dn: string;
  /** Values of the attribute that names accounts. */
  usernames: string[];
  email: string | null;
  commonName: string | null;
  /** Distinguished names of groups. */
  groups: string[];
}

/** A directory that was reached; it lives as long as one sign-in. */
export interface Directory {
  /** The first entry whose user name is exactly this; null when there is none. Throws `BindRefused`. */
  find(username: string): Promise<DirectoryEntry | null>;
  /** Whether the directory takes this password of an entry. An empty one is never asked about: it would always be taken. */
  accepts(dn: string, password: string): Promise<boolean>;
  close(): Promise<void>;
}

/** The application's own account was refused. */
export class BindRefused extends Error {
  override readonly name = 'BindRefused';
}

/** Certificates or ciphers cannot be used as they are set. */
export class BadTlsSettings extends Error {
  override readonly name = 'BadTlsSettings';
}

/** Milliseconds to reach the directory, for one answer of it, and for all of a sign-in together. */
const CONNECT_MS = 5_000;
const ANSWER_MS = 8_000;
const TOTAL_MS = 20_000;

/** Connects, and protects the connection as the settings say. Nothing is sent in the clear before that. */
export async function openDirectory(settings: DirectorySettings): Promise<Directory> {
  const secure = settings.security === 'none' ? null : await tlsOptions(settings);
  const ldap = await import('ldapts');
  const sockets = oneConnection(settings);
  let client: Client;
  try {
    client = new ldap.Client({
      url: urlOf(settings),
      connectTimeout: CONNECT_MS,
      timeout: ANSWER_MS,
      strictDN: false,
      ...(secure && settings.security === 'tls' ? { tlsOptions: secure } : {}),
      ...sockets.factories,
    });
    if (secure && settings.security === 'starttls') await client.startTLS({ ...secure, host: settings.host });
  } catch (error) {
    sockets.end();
    throw error;
  }
  return {
    async find(username) {
      try {
        await client.bind(settings.appDn, settings.appDn === '' ? '' : settings.appPassword);
      } catch (error) {
        throw error instanceof ldap.ResultCodeError ? new BindRefused(error.message, { cause: error }) : error;
      }
      // The name is a value, never part of a filter's text: nothing in it can mean anything.
      const named = new ldap.EqualityFilter({ attribute: settings.usernameAttribute, value: username });
      const filter =
        settings.searchFilter === ''
          ? named
          : new ldap.AndFilter({ filters: [named, ldap.FilterParser.parseString(listOf(settings.searchFilter))] });
      try {
        return entryOf(await search(client, settings, filter), settings);
      } catch (error) {
        // The search base does not exist.
        if (error instanceof ldap.NoSuchObjectError) return null;
        throw error;
      }
    },
    async accepts(dn, password) {
      if (dn === '' || password === '') return false;
      try {
        await client.bind(dn, password);
        return true;
      } catch (error) {
        if (error instanceof ldap.ResultCodeError) return false;
        throw error;
      }
    },
    async close() {
      // Politeness; that the connection ends does not depend on it.
      if (client.isConnected) await client.unbind().catch(() => {});
      sockets.end();
    },
  };
}

async function search(client: Client, settings: DirectorySettings, filter: Filter): Promise<Entry | undefined> {
  const wanted = [settings.usernameAttribute, settings.mailAttribute, 'cn'];
  const { searchEntries } = await client.search(settings.searchBase, {
    scope: 'sub',
    filter,
    attributes: settings.groups ? [...wanted, settings.groups.attribute] : wanted,
    sizeLimit: 1,
    timeLimit: Math.ceil(ANSWER_MS / 1_000),
  });
  return searchEntries[0];
}

function entryOf(entry: Entry | undefined, settings: DirectorySettings): DirectoryEntry | null {
  if (!entry) return null;
  return {
    dn: entry.dn,
    usernames: valuesOf(entry, settings.usernameAttribute),
    email: valuesOf(entry, settings.mailAttribute)[0] ?? null,
    commonName: valuesOf(entry, 'cn')[0] ?? null,
    groups: settings.groups ? valuesOf(entry, settings.groups.attribute) : [],
  };
}

/** Texts of an attribute, whose name the directory may write in another case. */
function valuesOf(entry: Entry, attribute: string): string[] {
  const name = attribute.toLowerCase();
  return Object.entries(entry)
    .filter(([key]) => key !== 'dn' && key.toLowerCase() === name)
    .flatMap(([, values]) => values)
    .map((value) => (Buffer.isBuffer(value) ? value.toString('utf8') : String(value)))
    .filter((value) => value !== '');
}

/** The administrator's filter, or several in a row, as one. */
function listOf(filters: string): string {
  return filters.startsWith('(') ? `(&${filters})` : `(${filters})`;
}

function urlOf({ host, port, security }: DirectorySettings): string {
  return `${security === 'tls' ? 'ldaps' : 'ldap'}://${net.isIPv6(host) ? `[${host}]` : host}:${port}`;
}

async function tlsOptions(settings: DirectorySettings): Promise<tls.ConnectionOptions> {
  const { authorityFile, ciphers, host } = settings;
  try {
    const given = {
      ...(authorityFile === null ? {} : { ca: await readFile(authorityFile) }),
      ...(ciphers === null ? {} : { ciphers }),
    };
    return {
      secureContext: tls.createSecureContext(given),
      rejectUnauthorized: settings.verifyCertificate,
      ...(net.isIP(host) === 0 ? { servername: host } : {}),
    };
  } catch (error) {
    throw new BadTlsSettings('the TLS settings of the directory cannot be used', { cause: error });
  }
}

/**
 * The library connects again by itself when a connection is lost, after StartTLS without protection; a sign-in has one
 * connection, and ends when that does or takes too long.
 */
function oneConnection(settings: DirectorySettings) {
  const open: net.Socket[] = [];
  let used = false;
  const timer = setTimeout(end, TOTAL_MS);
  function end(): void {
    clearTimeout(timer);
    for (const socket of open) socket.destroy();
  }
  function once(): void {
    if (used) throw new Error('the directory closed the connection');
    used = true;
  }
  const kept = <S extends net.Socket>(socket: S): S => {
    open.push(socket);
    return socket;
  };
  const createConnection = (() => {
    once();
    return kept(net.connect(settings.port, settings.host));
  }) as typeof net.connect;
  const createSecureConnection = ((...given: unknown[]) => {
    const options = given.find((one): one is tls.ConnectionOptions => typeof one === 'object' && one !== null) ?? {};
    if (options.socket) return kept(tls.connect(options));
    once();
    return kept(tls.connect({ ...options, host: settings.host, port: settings.port }));
  }) as typeof tls.connect;
  return { factories: { createConnection, createSecureConnection }, end };
}
