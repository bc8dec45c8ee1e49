import type { Line } from './routes.ts';

const HEAD = `# Who may call what

Written by \`bin/loggia routes --markdown > docs/authorization.md\` from the routes themselves, with no variable set; a test keeps it equal.

| Caller | Who that is |
|---|---|
| anyone | no credential is asked for or looked at |
| token \`x\` | another program with a secret of its own; no account |
| optional | an account is not needed; one that is given counts |
| current | any account, also one that waits for approval |
| human | any account, by a session and not by an API key |
| verified | accounts of role user or admin |
| admin | accounts of role admin |
| may \`x\` | verified, and \`x\` is allowed to them; administrators may all |
| on \`object:right\` | verified, and the right on the object of the path |

Where no right is named, the handler checks what the caller may see: lists hold only what is theirs or shared with them.

A credential is a session token or an API key (\`sk-…\`). It is looked for in \`Authorization: Bearer\`, the cookie \`token\`, \`Authorization\` of
another scheme or none, and the header named by \`CUSTOM_API_KEY_HEADER\` (\`x-api-key\`), in this order, and nowhere else: not in the address, not in
other headers. The first one found counts; when it is wrong, no other is tried. API keys work while they are switched on, for administrators and for accounts
with \`features.api_keys\`, and below the allowed endpoints where these are restricted.

Tests ask every route as everybody: without an account, pending, a stranger, a reader by name, by group and by a group inside it, a writer, one who was
given the object but not the feature, the owner, an administrator, one who was an administrator a moment ago, and with a restricted key; by each of these
carriers, and with sessions and keys that have ended.
`;

/** The table of docs/authorization.md. */
export function markdownOf(lines: readonly Line[]): string {
  const areas = Map.groupBy(lines, ({ url }) => areaOf(url));
  const tables = [...areas].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([area, own]) => table(area, own));
  return `${HEAD}${tables.join('')}`;
}

function table(area: string, lines: readonly Line[]): string {
  const rows = lines.map(({ method, url, access, needs }) => {
    const who = needs ? `${access} \`${needs}\`` : access;
    return `| ${method} | \`${url}\` | ${who} |\n`;
  });
  return `\n## ${area}\n\n| Method | Path | Who |\n|---|---|---|\n${rows.join('')}`;
}

/** `/api/v1/chats` of `/api/v1/chats/:id/share`; routes outside the API go by their first part. */
function areaOf(url: string): string {
  const [, first = '', second = '', third = ''] = url.split('/');
  if (first !== 'api') return first === '' || first === '*' ? 'Pages' : `/${first}`;
  return second === 'v1' ? `/api/v1/${third}` : `/api`;
}
