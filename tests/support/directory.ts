import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'ldapts';
import { freePort } from './server.ts';
import { until } from './wait.ts';

const SLAPD = process.env.SLAPD_PATH ?? '/usr/sbin/slapd';
const SCHEMAS = '/etc/ldap/schema';

export const BASE = 'dc=example,dc=org';
export const ROOT = { dn: `cn=admin,${BASE}`, password: 'directory-admin' };
/** May read, and nothing more. */
export const APP = { dn: `cn=loggia,${BASE}`, password: 'directory-reader' };

/** False, or why tests with a directory are skipped: for the `skip` option of a test. */
export function missingDirectory(): false | string {
  return existsSync(SLAPD) ? false : `no slapd at ${SLAPD} (SLAPD_PATH)`;
}

export interface Person {
  uid: string;
  cn: string;
  mail?: string;
  password: string;
}

/** A directory server of the test's own: OpenLDAP's slapd, with TLS and the memberOf overlay. */
export interface DirectoryServer {
  port: number;
  tlsPort: number;
  /** Certificate of the authority that its own one (for `localhost`) is signed by. */
  authority: string;
  add(person: Person): Promise<void>;
  /** Sets all members of a group; makes it when it is new. */
  group(name: string, uids: readonly string[]): Promise<void>;
  modify(uid: string, attribute: string, values: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

export function personDn(uid: string): string {
  return `uid=${uid},ou=people,${BASE}`;
}

export async function startDirectory(): Promise<DirectoryServer> {
  await using started = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'loggia-ldap-'));
  started.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  await mkdir(join(folder, 'data'));
  const [port, tlsPort] = [await freePort(), await freePort()];
  await makeCertificates(folder);
  await writeFile(join(folder, 'slapd.conf'), configuration(folder), { mode: 0o600 });
  const urls = `ldap://127.0.0.1:${port}/ ldaps://127.0.0.1:${tlsPort}/`;
  const child = spawn(SLAPD, ['-f', join(folder, 'slapd.conf'), '-h', urls, '-d', 'none'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  started.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  const client = new Client({ url: `ldap://127.0.0.1:${port}`, connectTimeout: 1_000, timeout: 5_000 });
  started.defer(() => client.unbind());
  await until(
    async () => {
      if (child.exitCode !== null) throw new Error(output);
      await client.bind(ROOT.dn, ROOT.password);
      return true;
    },
    { what: 'slapd' },
  );
  await fill(client);
  const owned = started.move();
  return {
    port,
    tlsPort,
    authority: join(folder, 'ca.pem'),
    async add({ uid, cn, mail, password }) {
      await client.add(personDn(uid), {
        objectClass: ['inetOrgPerson'],
        uid,
        cn,
        sn: cn.split(' ').at(-1) ?? cn,
        userPassword: password,
        ...(mail === undefined ? {} : { mail }),
      });
    },
    async group(name, uids) {
      const dn = `cn=${escapeRdn(name)},ou=groups,${BASE}`;
      await client.del(dn).catch(() => {});
      if (uids.length > 0) await client.add(dn, { objectClass: 'groupOfNames', cn: name, member: uids.map(personDn) });
    },
    async modify(uid, type, values) {
      const { Attribute, Change } = await import('ldapts');
      const modification = new Attribute({ type, values: [...values] });
      await client.modify(personDn(uid), new Change({ operation: 'replace', modification }));
    },
    stop: () => owned.disposeAsync(),
  };
}

function escapeRdn(value: string): string {
  return value.replaceAll(/[,+"\\<>;=#]/g, (char) => `\\${char}`);
}

async function fill(client: Client): Promise<void> {
  await client.add(BASE, { objectClass: ['dcObject', 'organization'], dc: 'example', o: 'Example' });
  for (const ou of ['people', 'groups'])
    await client.add(`ou=${ou},${BASE}`, { objectClass: 'organizationalUnit', ou });
  await client.add(APP.dn, {
    objectClass: ['organizationalRole', 'simpleSecurityObject'],
    cn: 'loggia',
    userPassword: APP.password,
  });
}

function configuration(folder: string): string {
  const schemas = ['core', 'cosine', 'inetorgperson'].map((name) => `include ${SCHEMAS}/${name}.schema`);
  return [
    ...schemas,
    'modulepath /usr/lib/ldap',
    'moduleload back_mdb',
    'moduleload memberof',
    `TLSCACertificateFile ${folder}/ca.pem`,
    `TLSCertificateFile ${folder}/server.pem`,
    `TLSCertificateKeyFile ${folder}/server.key`,
    // The hash is not what is tested, and slow ones make the tests slow.
    'password-hash {SSHA}',
    'database mdb',
    `suffix "${BASE}"`,
    `rootdn "${ROOT.dn}"`,
    `rootpw ${ROOT.password}`,
    `directory ${folder}/data`,
    'maxsize 10485760',
    'dbnosync',
    'overlay memberof',
    'access to attrs=userPassword by anonymous auth by * none',
    `access to * by dn.exact="${APP.dn}" read by * none`,
    '',
  ].join('\n');
}

/** An authority and a certificate for `localhost` that it signed. */
async function makeCertificates(folder: string): Promise<void> {
  const openssl = async (...given: string[]) =>
    void (await promisify(execFile)('openssl', given, { cwd: folder, timeout: 30_000 }));
  const key = ['-newkey', 'rsa:2048', '-nodes', '-sha256'];
  await openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=Test CA', '-keyout', 'ca.key', '-out', 'ca.pem');
  await openssl('req', ...key, '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr');
  await writeFile(join(folder, 'names'), 'subjectAltName=DNS:localhost\n');
  const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names'];
  await openssl('x509', '-req', '-in', 'server.csr', ...signing, '-out', 'server.pem');
}
