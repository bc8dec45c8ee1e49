export { ProviderError } from './failures.ts';
export type { GateRow, ModelGate } from './gate.ts';
export { GUIDE_ID } from './guide.ts';
export { type ChunkReader, createChunkReader } from './openai/chunks.ts';
export { createSseReader, type SseReader } from './openai/sse.ts';
export type { Part } from './part.ts';
export { createProviders, type ProviderKit, type ProvidersDeps } from './providers.ts';
export { providerRoutes } from './routes.ts';
export type { Call, Caller, ListOptions, ModelEntry, Providers, Relay } from './types.ts';
