/** Everything that makes more routes, or lets more callers in. */
export const ENV = {
  ENV: 'dev',
  ENABLE_SCIM: 'true',
  SCIM_TOKEN: 'scim-matrix-token',
  SCIM_AUTH_PROVIDER: 'oidc',
  ENABLE_API_KEYS: 'true',
  ENABLE_AUTOMATIONS: 'true',
  ENABLE_CHANNELS: 'true',
  ENABLE_NOTES: 'true',
  ENABLE_USER_WEBHOOKS: 'true',
  AUDIO_TTS_ENGINE: 'openai',
};
