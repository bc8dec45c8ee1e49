const YOUTUBE_HOSTS = new Set([
  'youtu.be',
  'youtube.com',
  'www.youtube.com',
  'm.youtube.com',
  'www.youtube-nocookie.com',
  'vid.plus',
]);
const VIDEO_ID = /^[\w-]{11}$/;

/** Where an address of earlier clients, or of the share sheet, leads now (configuration note, 5.7); null: nowhere else. */
export function legacyTarget(path: string, query: URLSearchParams): string | null {
  const video = query.get('v');
  if (path.endsWith('/watch') && video) return `/?${new URLSearchParams({ youtube: video })}`;
  const shared = query.get('shared');
  if (!shared) return null;
  const url = /^https:\/\/\S+/.exec(shared)?.[0];
  if (!url) return `/?${new URLSearchParams({ q: shared })}`;
  const id = youtubeId(url);
  return `/?${new URLSearchParams(id ? { youtube: id } : { 'load-url': url })}`;
}

function youtubeId(text: string): string | null {
  const url = URL.parse(text);
  if (!url || !YOUTUBE_HOSTS.has(url.hostname)) return null;
  const [first = '', second = ''] = url.pathname.split('/').filter((part) => part !== '');
  const inPath = ['embed', 'shorts', 'live', 'v'].includes(first) ? second : first;
  const id = url.searchParams.get('v') ?? inPath;
  return VIDEO_ID.test(id) ? id : null;
}
