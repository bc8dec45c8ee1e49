import type { Db } from '../../kernel/database/index.ts';

interface DocumentUpdate {
  id: string;
  bytes: Uint8Array;
}

/** Id of the update a document begins with: there is one at most. */
export const FIRST = '';

export async function loadUpdates(db: Db, documentId: string): Promise<DocumentUpdate[]> {
  const rows = await db
    .selectFrom('loggia_document_update')
    .select(['id', 'data'])
    .where('document_id', '=', documentId)
    .execute();
  return rows.map(({ id, data }) => ({ id, bytes: Buffer.from(data, 'base64') }));
}

/** How much is stored of a document: updates and bytes. */
export async function measure(db: Db, documentId: string): Promise<{ count: number; size: number }> {
  const row = await db
    .selectFrom('loggia_document_update')
    .select((eb) => [eb.fn.countAll().as('count'), eb.fn.sum('size').as('size')])
    .where('document_id', '=', documentId)
    .executeTakeFirst();
  return { count: Number(row?.count ?? 0), size: Number(row?.size ?? 0) };
}

export async function insertUpdate(db: Db, documentId: string, { id, bytes }: DocumentUpdate): Promise<void> {
  const data = Buffer.from(bytes).toString('base64');
  await db
    .insertInto('loggia_document_update')
    .values({ document_id: documentId, id, size: bytes.length, data })
    .execute();
}

export async function deleteUpdates(db: Db, documentId: string, ids?: readonly string[]): Promise<void> {
  const all = db.deleteFrom('loggia_document_update').where('document_id', '=', documentId);
  if (!ids) await all.execute();
  else for (let at = 0; at < ids.length; at += 500) await all.where('id', 'in', ids.slice(at, at + 500)).execute();
}
