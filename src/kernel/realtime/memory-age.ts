import { type Db, dialectOfDb } from '../database/index.ts';
import type { Bus } from './bus.ts';

const TOLD_MS = 30_000;
const UNTOLD_MS = 1_000;

/**
 * Milliseconds that something read from the database may be used unasked. Changes are told by the bus, so this only bounds what a
 * program that does not share it changes; where processes may not hear each other (MySQL without Redis) it is all there is.
 */
export function memoryAge(bus: Pick<Bus, 'shared'>, db: Db): number {
  return bus.shared || dialectOfDb(db) === 'sqlite' ? TOLD_MS : UNTOLD_MS;
}
