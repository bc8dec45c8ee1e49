import type { Config } from '../../../kernel/settings/index.ts';

/** A directory and how accounts are found in it (identity note, 6.4). */
export interface DirectorySettings {
  host: string;
  port: number;
  security: 'none' | 'tls' | 'starttls';
  /** Path of a file with certificates to trust in place of the system's; null: the system's. */
  authorityFile: string | null;
  verifyCertificate: boolean;
  /** OpenSSL cipher list; null: Node's own. */
  ciphers: string | null;
  /** Empty: searches are made without signing in. */
  appDn: string;
  appPassword: string;
  searchBase: string;
  /** An RFC 4515 filter that entries must match too; empty: none. */
  searchFilter: string;
  usernameAttribute: string;
  mailAttribute: string;
  /** Appended to the user name where an entry has no address; empty: such an entry cannot sign in. */
  defaultEmailDomain: string;
  /** Null: groups are left alone. */
  groups: { attribute: string; create: boolean } | null;
}

/** The directory as the administrator has set it up. */
export function directorySettings(config: Pick<Config, 'get'>): DirectorySettings {
  const startTls = config.get('ldap.server.start_tls');
  const useTls = config.get('ldap.server.use_tls');
  const port = config.get('ldap.server.port');
  const ciphers = config.get('ldap.server.ciphers').trim();
  return {
    host: config.get('ldap.server.host'),
    port: port > 0 ? port : useTls && !startTls ? 636 : 389,
    // Who asks for StartTLS never wants a password to travel in the clear, whatever else is set.
    security: startTls ? 'starttls' : useTls ? 'tls' : 'none',
    authorityFile: config.get('ldap.server.ca_cert_file').trim() || null,
    verifyCertificate: config.get('ldap.server.validate_cert'),
    // `ALL` is what the form begins with; Node's list is the same without what nobody should offer.
    ciphers: ciphers === '' || ciphers.toUpperCase() === 'ALL' ? null : ciphers,
    appDn: config.get('ldap.server.app_dn'),
    appPassword: config.get('ldap.server.app_password'),
    searchBase: config.get('ldap.server.users_dn'),
    searchFilter: config.get('ldap.server.search_filter').trim(),
    usernameAttribute: config.get('ldap.server.attribute_for_username'),
    mailAttribute: config.get('ldap.server.attribute_for_mail'),
    defaultEmailDomain: config.get('ldap.server.default_email_domain').trim(),
    groups: config.get('ldap.group.enable_management')
      ? { attribute: config.get('ldap.server.attribute_for_groups'), create: config.get('ldap.group.enable_creation') }
      : null,
  };
}
