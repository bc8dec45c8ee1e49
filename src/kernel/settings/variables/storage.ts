import { bool, optionalText, optionalUrl, text, url } from '../variable.ts';

export const storage = {
  STORAGE_PROVIDER: text('local', 'local, s3, gcs or azure'),
  STORAGE_LOCAL_CACHE: bool(true, 'Keep a local copy of remote files under uploads'),
  S3_ACCESS_KEY_ID: optionalText('S3 access key; unset = default credential chain'),
  S3_SECRET_ACCESS_KEY: optionalText('S3 secret key'),
  S3_REGION_NAME: optionalText('S3 region'),
  S3_BUCKET_NAME: optionalText('S3 bucket'),
  S3_KEY_PREFIX: optionalText('Prefix of object keys'),
  S3_ENDPOINT_URL: optionalUrl('S3-compatible endpoint'),
  S3_USE_ACCELERATE_ENDPOINT: bool(false, 'Use S3 transfer acceleration'),
  S3_ADDRESSING_STYLE: optionalText('path or virtual addressing'),
  S3_ENABLE_TAGGING: bool(false, 'Write upload tags on objects'),
  GCS_BUCKET_NAME: optionalText('Google Cloud Storage bucket'),
  GOOGLE_APPLICATION_CREDENTIALS_JSON: optionalText('Service account JSON text; unset = ambient credentials'),
  AZURE_STORAGE_ENDPOINT: optionalUrl('Azure blob endpoint'),
  AZURE_STORAGE_CONTAINER_NAME: optionalText('Azure container'),
  AZURE_STORAGE_KEY: optionalText('Azure key; unset = ambient identity'),
};

export const integrations = {
  ENABLE_GOOGLE_DRIVE_INTEGRATION: bool(false, 'Offer Google Drive upload', { key: 'google_drive.enable' }),
  GOOGLE_DRIVE_CLIENT_ID: text('', 'Google Drive client id; the env value is served, not the stored one', {
    key: 'google_drive.client_id',
  }),
  GOOGLE_DRIVE_API_KEY: text('', 'Google Drive API key; the env value is served, not the stored one', {
    key: 'google_drive.api_key',
  }),
  ENABLE_ONEDRIVE_INTEGRATION: bool(false, 'Offer OneDrive upload', { key: 'onedrive.enable' }),
  ONEDRIVE_CLIENT_ID: text('', 'Default of both OneDrive client ids'),
  ONEDRIVE_CLIENT_ID_PERSONAL: text({ from: 'ONEDRIVE_CLIENT_ID' }, 'Client id for personal OneDrive'),
  ONEDRIVE_CLIENT_ID_BUSINESS: text({ from: 'ONEDRIVE_CLIENT_ID' }, 'Client id for business OneDrive'),
  ENABLE_ONEDRIVE_PERSONAL: bool(true, 'Offer personal OneDrive; needs its client id'),
  ENABLE_ONEDRIVE_BUSINESS: bool(true, 'Offer business OneDrive; needs its client id'),
  ONEDRIVE_SHAREPOINT_URL: url('', 'SharePoint URL; the env value is served, not the stored one', {
    key: 'onedrive.sharepoint_url',
  }),
  ONEDRIVE_SHAREPOINT_TENANT_ID: text('', 'SharePoint tenant; the env value is served, not the stored one', {
    key: 'onedrive.sharepoint_tenant_id',
  }),
};
