import { join } from 'node:path';

type Text = (
  name:
    | 'DATABASE_URL'
    | 'DATABASE_TYPE'
    | 'DATABASE_USER'
    | 'DATABASE_PASSWORD'
    | 'DATABASE_HOST'
    | 'DATABASE_PORT'
    | 'DATABASE_NAME',
) => string;

/** The main database (configuration note, 10.1): the parts when all are there, else the URL, else SQLite in the data folder. */
export function databaseUrl(text: Text, dataDir: string): string {
  const [type, host, port, name] = [
    text('DATABASE_TYPE'),
    text('DATABASE_HOST'),
    text('DATABASE_PORT'),
    text('DATABASE_NAME'),
  ];
  const [user, password] = [text('DATABASE_USER'), text('DATABASE_PASSWORD')];
  let url = text('DATABASE_URL');
  if (type && host && port && name && (user || password)) {
    url = `${type}://${user}${password ? `:${password}` : ''}@${host}:${port}/${name}`;
  } else if (type === 'sqlite+sqlcipher' && !url) {
    url = `sqlite+sqlcipher:///${join(dataDir, 'webui.db')}`;
  }
  return (url || `sqlite:///${join(dataDir, 'webui.db')}`).replaceAll('postgres://', 'postgresql://');
}
