export { contextUsage, sinceCheckpoint } from './context-usage.ts';
export type { ChatDocument, Message, Messages } from './document.ts';
export {
  allMessagesOf,
  messagesOf,
  outputText,
  parseDocument,
} from './document.ts';
export { loadChat } from './load.ts';
export { matchNeedles } from './match.ts';
export type { MessageFields, RowFields } from './message-rows.ts';
export { loadBranch, loadMessage, loadMessages, unfinishedReplies, writeReplyRow } from './message-rows.ts';
export { recheckOnEvents } from './recheck.ts';
export { chatRoutes } from './routes.ts';
export type { ChatRuns, LiveReply } from './runs.ts';
export { chatsWithAll, searchChats } from './search.ts';
export { parseSearch } from './search-query.ts';
export { type ChatsDeps, createChats } from './service.ts';
export type { ChatHead } from './store.ts';
export { findChat, isSavedChatId, linkFiles, lockHead, setTasks, setTitle, setVariables } from './store.ts';
export { notInternal, setTags } from './tags.ts';
export type { TextFinder } from './text-index/finder.ts';
export { createTextIndex } from './text-index/text-index.ts';
export { mergeUsage, normaliseUsage } from './usage.ts';

export { firstTurnDocument, insertChat, placeTurn, upsertMessage, upsertMessages } from './writes.ts';
