import { integer, required, table, text } from '../columns.ts';
import type { Migration } from './index.ts';

/** What people write together, while they do; the document itself is kept elsewhere. */
export const tables = {
  loggia_document_update: table(
    {
      document_id: required(text),
      /** Empty for the one that a document begins with. */
      id: required(text),
      /** Bytes. */
      size: required(integer),
      /** A Yjs update, in base64. */
      data: required(text),
    },
    { key: ['document_id', 'id'] },
  ),
};

export const migration: Migration = { id: '002-documents', tables };
