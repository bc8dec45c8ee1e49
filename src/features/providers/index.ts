export type { Part } from './part.ts';
