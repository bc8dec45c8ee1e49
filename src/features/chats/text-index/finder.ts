import type { RawBuilder } from 'kysely';

/**
 * A condition on `chat` that all chats fulfil which have a text (in lower case) in their title or messages, and few others. Null: the
 * index cannot tell, or they are too many to be worth it. `among`: the chats looked for, as a condition on `chat`.
 */
export type TextFinder = (needle: string, among: RawBuilder<boolean>) => Promise<RawBuilder<boolean> | null>;
