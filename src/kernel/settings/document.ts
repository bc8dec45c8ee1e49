import { configDefinitions } from './config-keys/index.ts';
import type { Variable } from './variable.ts';
import { groups } from './variables/index.ts';

const head = `# Configuration

Loggia is set up by environment variables. A file \`.env\` in its folder is read too; what the environment says wins.
This page lists every variable. It is written by \`node scripts/settings-doc.ts\` from the declarations in \`src/kernel/settings\`.

- **boolean**: \`true\` in any case is true, everything else is false; the log warns of other words.
- **list**: items between commas. **semicolon list**: items between semicolons, paired by position where two lists belong together.
- **JSON**: an object or a list, as the default shows.
- **rate**: \`60/1m\`, \`500/30m\`, \`1000/1h\`: so many in so long, counted by whole minutes of the clock.
- A value that cannot be read, or a group of variables that is set in part only, ends the start with one message that names each of them.
  Where a fallback is stated below, the log warns instead.
- A variable with a *stored as* key gives that setting its first value. From then on the stored value counts, and it is changed in the admin
  settings; the log names the variables that are passed over. \`ENABLE_PERSISTENT_CONFIG=false\` keeps nothing stored,
  \`RESET_CONFIG_ON_START=true\` starts over, and keys below \`oauth.\` are stored only with \`ENABLE_OAUTH_PERSISTENT_CONFIG=true\`.
- Without \`WEBUI_SECRET_KEY\` the key is read from \`.webui_secret_key\` in the working folder, the data folder, or the folder above that; when
  there is none it is made in the data folder, readable by its owner only.
`;

/** The text of docs/configuration.md. */
export function settingsDocument(): string {
  const parts = [head];
  for (const [name, variables] of Object.entries(groups)) {
    parts.push(`## ${title(name)}\n\n${table(Object.entries(variables as Record<string, Variable<unknown>>))}`);
  }
  parts.push(storedTable());
  return parts.join('\n');
}

function title(group: string): string {
  const words = group.replaceAll('-', ' ');
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function table(entries: readonly (readonly [string, Variable<unknown>])[]): string {
  const rows = entries.map(([name, variable]) => {
    const columns = [`\`${name}\``, variable.type, defaultOf(variable), `${variable.effect}${notes(variable)}`];
    return `| ${columns.map(cell).join(' | ')} |`;
  });
  return ['| Variable | Type | Default | Effect |', '|---|---|---|---|', ...rows, ''].join('\n');
}

function defaultOf({ fallback }: Variable<unknown>): string {
  if ('from' in fallback) return `that of \`${fallback.from}\``;
  if ('inDataDir' in fallback) return `\`<DATA_DIR>/${fallback.inDataDir}\``;
  if ('computed' in fallback) return fallback.computed;
  const { value } = fallback;
  if (value === null) return 'none';
  if (value === '') return 'empty';
  if (value instanceof RegExp) return `\`${value.source}\``;
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
    return value.length > 0 ? `\`${value.join(',')}\`` : 'empty';
  }
  return `\`${typeof value === 'object' ? JSON.stringify(value) : String(value)}\``;
}

function notes({ key, aliases, invalid, empty, type }: Variable<unknown>): string {
  const said: string[] = [];
  if (aliases.length > 0) said.push(`older name ${aliases.map((name) => `\`${name}\``).join(', ')}`);
  if (invalid) {
    const { value } = invalid;
    said.push(`unreadable: \`${value instanceof RegExp ? value.source : JSON.stringify(value)}\``);
  }
  if (empty && empty.value === null && type !== 'boolean') said.push('empty: none');
  if (key) said.push(`stored as \`${key}\``);
  return said.length > 0 ? ` (${said.join('; ')})` : '';
}

function storedTable(): string {
  const rows = configDefinitions.map(([key, { type, variable }]) => {
    const source = key === 'user.permissions' ? '`USER_PERMISSIONS_…`' : variable ? `\`${variable}\`` : '';
    return `| \`${key}\` | ${type} | ${source} |`;
  });
  return [
    '## Stored settings',
    '',
    'Keys of the table `config`, as exports and imports name them.',
    '',
    '| Key | Type | First value from |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
