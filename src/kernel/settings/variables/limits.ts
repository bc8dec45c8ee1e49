import { rate } from '../variable.ts';

const what = (calls: string): string => `How often an account may call ${calls}: a number, a slash and 1m to 1h`;
const from = (calls: string): string => `The same for one network address: ${calls}`;

const COMPLETIONS = 'models (chats, completions, embeddings, tasks)';
const MEDIA = 'models of pictures and speech';
const UPLOADS = 'what takes in files and documents';
const SEARCHES = 'searches and statistics';
const TRANSFERS = 'exports, imports, copies and downloads of everything';

export const limits = {
  RATE_LIMIT_COMPLETIONS: rate(what(COMPLETIONS)),
  RATE_LIMIT_COMPLETIONS_PER_ADDRESS: rate(from(COMPLETIONS)),
  RATE_LIMIT_MEDIA: rate(what(MEDIA)),
  RATE_LIMIT_MEDIA_PER_ADDRESS: rate(from(MEDIA)),
  RATE_LIMIT_UPLOADS: rate(what(UPLOADS)),
  RATE_LIMIT_UPLOADS_PER_ADDRESS: rate(from(UPLOADS)),
  RATE_LIMIT_SEARCHES: rate(what(SEARCHES)),
  RATE_LIMIT_SEARCHES_PER_ADDRESS: rate(from(SEARCHES)),
  RATE_LIMIT_TRANSFERS: rate(what(TRANSFERS)),
  RATE_LIMIT_TRANSFERS_PER_ADDRESS: rate(from(TRANSFERS)),
  RATE_LIMIT_SIGN_IN_PER_ADDRESS: rate(
    'How often one network address may try to sign in or up, by whatever way: a number, a slash and 1m to 1h',
  ),
};
