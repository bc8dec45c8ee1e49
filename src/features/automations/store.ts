import { type Selectable, sql } from 'kysely';
import { type Db, escapeLike, jsonText, likeFold, type Tables } from '../../kernel/database/index.ts';

export type AutomationRow = Selectable<Tables['automation']>;
export type RunRow = Selectable<Tables['automation_run']>;

const PAGE = 30;

export interface AutomationFilter {
  userId: string;
  query: string | null;
  active: boolean | null;
  folderId: string | null;
  page: number;
}

export async function listAutomations(db: Db, filter: AutomationFilter) {
  let matching = db.selectFrom('automation').where('user_id', '=', filter.userId);
  if (filter.active !== null) matching = matching.where('is_active', '=', filter.active);
  if (filter.folderId) matching = matching.where('folder_id', '=', filter.folderId);
  if (filter.query) {
    const like = (text: string) => `%${escapeLike(text)}%`;
    // Other programs may have written the data with every letter beyond ASCII as an escape.
    const escaped = JSON.stringify(filter.query)
      .slice(1, -1)
      .replace(/[\u0080-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
    const data = jsonText(db, 'data');
    const found = [
      likeFold(db, 'name', like(filter.query)),
      likeFold(db, data, like(filter.query)),
      likeFold(db, data, like(escaped)),
    ];
    matching = matching.where(sql<boolean>`(${sql.join(found, sql` OR `)})`);
  }
  const [items, counted] = await Promise.all([
    matching
      .selectAll()
      .orderBy('created_at', 'desc')
      .orderBy('id')
      .limit(PAGE)
      .offset((Math.max(1, filter.page) - 1) * PAGE)
      .execute(),
    matching.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow(),
  ]);
  return { items, total: Number(counted.total) };
}

export function findAutomation(db: Db, id: string): Promise<AutomationRow | undefined> {
  return db.selectFrom('automation').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The newest run of each. */
export async function lastRuns(db: Db, ids: readonly string[]): Promise<Map<string, RunRow>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom('automation_run as run')
    .selectAll('run')
    .where('run.automation_id', 'in', ids)
    .where((eb) =>
      eb(
        'run.created_at',
        '=',
        eb
          .selectFrom('automation_run as other')
          .select((of) => of.fn.max('other.created_at').as('newest'))
          .whereRef('other.automation_id', '=', 'run.automation_id'),
      ),
    )
    .execute();
  return new Map(rows.map((row) => [row.automation_id, row]));
}

export function listRuns(db: Db, automationId: string, offset: number, limit: number): Promise<RunRow[]> {
  return db
    .selectFrom('automation_run')
    .selectAll()
    .where('automation_id', '=', automationId)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .limit(limit)
    .offset(offset)
    .execute();
}

export async function pause(db: Db, id: string, now: bigint): Promise<void> {
  await db
    .updateTable('automation')
    .set({ is_active: false, next_run_at: null, updated_at: now })
    .where('id', '=', id)
    .execute();
}

export async function deleteAutomation(tx: Db, id: string): Promise<void> {
  await tx.deleteFrom('automation_run').where('automation_id', '=', id).execute();
  await tx.deleteFrom('automation').where('id', '=', id).execute();
}
