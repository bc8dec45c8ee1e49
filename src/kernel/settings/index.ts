export { type Config, type ConfigBus, createConfig } from './config.ts';
export { type ConfigKey, configKeys, isConfigKey } from './config-keys/index.ts';
export { ollamaUrls, openaiConnections } from './connections.ts';
export { ragTemplate } from './default-texts.ts';
export { loadSettings, pluginsEnabled, productName, type Settings, SettingsError } from './load.ts';
export { flatSettings } from './nested.ts';
