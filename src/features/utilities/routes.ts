import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import type { Database } from '../../kernel/database/index.ts';
import { admin, verified } from '../../kernel/http/access.ts';
import { detail, forbidden, HttpError, prohibited, wrapped } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Obj, Str, shape } from '../../kernel/http/shapes.ts';
import type { Config, Settings } from '../../kernel/settings/index.ts';
import type { CodeExecution } from '../code-execution/index.ts';

export interface UtilitiesDeps {
  database: Database;
  settings: Pick<Settings, 'get' | 'dataDir'>;
  config: Pick<Config, 'get'>;
  code: CodeExecution;
}

const base = '/api/v1/utils/';
const CodeForm = shape('CodeForm', { code: Str() });

/** Small helpers of the web client (chats and content note, 9). */
export function utilityRoutes({ database, settings, config, code }: UtilitiesDeps): Route[] {
  return [
    route({
      method: 'GET',
      url: `${base}gravatar`,
      access: verified,
      query: Obj({ email: Str() }),
      reply: Str(),
      handler: ({ query }) => {
        const hash = createHash('sha256').update(query.email.trim().toLowerCase()).digest('hex');
        return `https://www.gravatar.com/avatar/${hash}?d=mp`;
      },
    }),
    route({
      method: 'POST',
      url: `${base}code/format`,
      access: admin,
      body: CodeForm,
      handler: () => {
        throw new HttpError(400, 'This server does not format Python code');
      },
    }),
    route({
      method: 'POST',
      url: `${base}code/execute`,
      access: verified,
      body: CodeForm,
      handler: async ({ body, signal }) => {
        if (!config.get('code_execution.enable')) throw forbidden('Code execution is disabled');
        if (!code.isConfigured('code_execution')) {
          throw new HttpError(400, wrapped('Code execution engine not supported'));
        }
        return code.run('code_execution', body.code, signal);
      },
    }),
    route({
      method: 'GET',
      url: `${base}db/download`,
      access: admin,
      handler: async ({ reply }) => {
        if (!settings.get('ENABLE_ADMIN_EXPORT')) throw prohibited();
        if (database.dialect !== 'sqlite') throw new HttpError(400, detail.DB_NOT_SQLITE);
        const folder = await mkdtemp(join(settings.dataDir, '.copy-'));
        const drop = () => rm(folder, { recursive: true, force: true });
        try {
          const copy = join(folder, randomUUID());
          await copyDatabase(database, copy);
          // The copy goes when it has been sent, or when the client has gone.
          const content = createReadStream(copy).on('close', () => void drop());
          return reply
            .header('content-disposition', 'attachment; filename="webui.db"')
            .type('application/octet-stream')
            .send(content);
        } catch (error) {
          await drop();
          throw error;
        }
      },
    }),
  ];
}

/** A consistent copy while others write, made page by page so that nobody waits for the whole of it. */
async function copyDatabase({ db }: Database, target: string): Promise<void> {
  const { rows } = await sql<{ file: string }>`SELECT file FROM pragma_database_list WHERE name = 'main'`.execute(db);
  const { default: Sqlite } = await import('better-sqlite3');
  const source = new Sqlite(rows[0]?.file ?? '', { readonly: true });
  try {
    await source.backup(target);
  } finally {
    source.close();
  }
}
