import type { ConfigKeyDefinition } from '../config-key.ts';
import { chatKeys } from './chat.ts';
import { connectionsKeys } from './connections.ts';
import { featuresKeys } from './features.ts';
import { interfaceKeys } from './interface.ts';
import { mediaKeys } from './media.ts';
import { retrievalKeys } from './retrieval.ts';
import { signInKeys } from './sign-in.ts';
import { webKeys } from './web.ts';

/** Every persistent setting. */
export const configKeys = {
  ...interfaceKeys,
  ...connectionsKeys,
  ...chatKeys,
  ...featuresKeys,
  ...signInKeys,
  ...retrievalKeys,
  ...webKeys,
  ...mediaKeys,
};

export type ConfigKey = keyof typeof configKeys;

/** Type of a persistent setting's value. */
export type ConfigValue<K extends ConfigKey> = (typeof configKeys)[K] extends ConfigKeyDefinition<infer T> ? T : never;

export function isConfigKey(key: string): key is ConfigKey {
  return Object.hasOwn(configKeys, key);
}

/** Every definition by key, for code that goes through all. */
export const configDefinitions = Object.entries(configKeys) as [ConfigKey, ConfigKeyDefinition<unknown>][];
