import { join } from 'node:path';
import { type Settings, SettingsError } from '../settings/index.ts';
import { createLocalStorage } from './local.ts';
import type { Storage } from './storage.ts';

export { EmptyError, type Storage, type Stored, TooLargeError } from './storage.ts';

/** The storage the settings choose. Throws SettingsError for one that is not there. */
export async function createStorage(settings: Pick<Settings, 'get' | 'dataDir'>): Promise<Storage> {
  const provider = settings.get('STORAGE_PROVIDER');
  if (provider !== 'local' && provider !== '') {
    throw new SettingsError([`STORAGE_PROVIDER: "${provider}" is not supported; use local`]);
  }
  return createLocalStorage(join(settings.dataDir, 'uploads'));
}
