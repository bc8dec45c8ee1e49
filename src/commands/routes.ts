import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDoor } from '../kernel/http/door.ts';
import type { Route } from '../kernel/http/route.ts';
import { loadSettings } from '../kernel/settings/index.ts';
import { type Command, readArguments, UsageError } from './command.ts';

const usage = `usage: loggia routes [--json | --markdown]

  Lists every route with who may call it: anyone, optional (an account is not needed), current (any account), human (no API key),
  verified (users and administrators), admin, may <permission>, on <object>:<right>.

  --json      as a list of {method, url, access, needs, body, query, reply}
  --markdown  as docs/authorization.md
`;

/** One method of one route. */
export interface Line {
  method: string;
  url: string;
  access: string;
  needs: string | null;
  /** Names of the wire shapes, null where there is none. */
  body: string | null;
  query: string[];
  reply: string | null;
}

export const command: Command = {
  usage,
  async run(args) {
    const { values, positionals } = readArguments(args, usage, {
      json: { type: 'boolean' },
      markdown: { type: 'boolean' },
    });
    if (positionals.length > 0) throw new UsageError(`routes: unexpected "${positionals.join(' ')}"`, usage);
    const lines = (await routesOfServer()).flatMap(describe);
    lines.sort((a, b) => (a.url === b.url ? compare(a.method, b.method) : compare(a.url, b.url)));
    const { markdownOf } = await import('./routes-document.ts');
    const form = values.json ? `${JSON.stringify(lines, null, 2)}\n` : values.markdown ? markdownOf(lines) : null;
    process.stdout.write(form ?? lines.map(textOf).join(''));
    return 0;
  },
};

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Builds the server as the environment says, but on an empty folder and without its databases: nothing real is touched. */
async function routesOfServer(): Promise<readonly Route[]> {
  const folder = await mkdtemp(join(tmpdir(), 'loggia-routes-'));
  const { createApp } = await import('../app.ts');
  const env = { ...process.env };
  for (const name of Object.keys(env)) if (/^(?:DATABASE_|(?:WEBSOCKET_)?REDIS_)/.test(name)) delete env[name];
  Object.assign(env, { DATA_DIR: folder, WEBUI_SECRET_KEY: 'not used', GLOBAL_LOG_LEVEL: 'ERROR' });
  const app = await createApp({ env, settings: loadSettings(env), door: createDoor() });
  try {
    return app.routes;
  } finally {
    await app.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function describe(route: Route): Line[] {
  return route.methods.map((method) => ({
    method,
    url: route.url,
    access: route.access.kind,
    needs: route.access.needs ?? null,
    body: nameOf(route.body),
    query: Object.keys((route.query as { properties?: object } | undefined)?.properties ?? {}),
    reply: nameOf(route.reply),
  }));
}

function nameOf(schema: object | undefined): string | null {
  if (!schema) return null;
  const { title, type } = schema as { title?: string; type?: string };
  return title ?? type ?? 'any';
}

function textOf({ method, url, access, needs }: Line): string {
  return `${method.padEnd(7)} ${url.padEnd(64)} ${needs ? `${access} ${needs}` : access}\n`;
}
