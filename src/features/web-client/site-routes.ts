import type { FastifyRequest } from 'fastify';
import { anyone, verified } from '../../kernel/http/access.ts';
import { HttpError } from '../../kernel/http/errors.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { Json, Nullable, Obj, Str } from '../../kernel/http/shapes.ts';
import { type Changelog, readChangelog } from './changelog.ts';
import { toMarkup } from './markup.ts';
import { CLIENT_VERSION, type ClientPlace, changelogFile } from './place.ts';

interface SiteDependencies {
  place: ClientPlace;
  /** The product's name as clients see it. */
  name: () => string;
  /** Address of this installation (`webui.url`), may be empty. */
  address: () => string;
  deploymentId: string;
  /** Whether the caller's account waits for an administrator. */
  isWaiting(request: FastifyRequest): Promise<boolean>;
  /** EXTERNAL_PWA_MANIFEST_URL, or null. */
  manifestUrl: string | null;
  fetch: (url: string) => Promise<Response>;
}

const DESCRIPTION = 'is an open, extensible, user-friendly interface for AI that adapts to your workflow.';

/** What the web client and browsers ask about the site itself (configuration note, 5.1, 5.2, 5.5, 5.6). */
export function siteRoutes(dependencies: SiteDependencies): Route[] {
  const { place, name, address, deploymentId, manifestUrl } = dependencies;
  let changelog: Promise<Changelog> | undefined;
  return [
    route({
      method: 'GET',
      url: '/api/version',
      access: anyone,
      reply: Obj({ version: Str(), deployment_id: Str() }),
      // The client loads itself anew when this changes: so who waits gets the app as soon as an administrator says so.
      async handler({ request }) {
        const waiting = await dependencies.isWaiting(request);
        return { version: CLIENT_VERSION, deployment_id: waiting ? `${deploymentId}:pending` : deploymentId };
      },
    }),
    route({
      method: 'GET',
      url: '/api/version/updates',
      access: verified,
      reply: Obj({ current: Str(), latest: Nullable(Str()) }),
      // The client is pinned: a newer release of it is not an update of this server, so no release feed is asked.
      handler: () => ({ current: CLIENT_VERSION, latest: CLIENT_VERSION }),
    }),
    route({
      method: 'GET',
      url: '/api/changelog',
      access: anyone,
      reply: Json(),
      handler: () => {
        changelog ??= readChangelog(changelogFile(place)).then((found) => {
          // The client may be installed later.
          if (Object.keys(found).length === 0) changelog = undefined;
          return found;
        });
        return changelog;
      },
    }),
    route({
      method: ['GET', 'HEAD'],
      url: '/manifest.json',
      access: anyone,
      reply: Json(),
      handler: () => (manifestUrl ? fetchManifest(manifestUrl, dependencies.fetch) : manifest(name())),
    }),
    route({
      method: ['GET', 'HEAD'],
      url: '/opensearch.xml',
      access: anyone,
      handler: ({ reply }) =>
        reply.type('application/xml').send(Buffer.from(searchDescription(name(), address().replace(/\/+$/, '')))),
    }),
  ];
}

async function fetchManifest(url: string, fetch: SiteDependencies['fetch']): Promise<unknown> {
  const answer = await fetch(url);
  if (!answer.ok) throw new HttpError(502, `EXTERNAL_PWA_MANIFEST_URL answered ${answer.status}`);
  return answer.json();
}

function manifest(name: string): Record<string, unknown> {
  const icon = { src: '/static/logo.png', type: 'image/png', sizes: '500x500' };
  return {
    name,
    short_name: name,
    description: `${name} ${DESCRIPTION}`,
    start_url: '/',
    display: 'standalone',
    background_color: '#343541',
    icons: [
      { ...icon, purpose: 'any' },
      { ...icon, purpose: 'maskable' },
    ],
    share_target: { action: '/', method: 'GET', params: { text: 'shared' } },
  };
}

function searchDescription(name: string, address: string): string {
  const [label, base] = [toMarkup(name), toMarkup(address)];
  return `<?xml version="1.0" encoding="UTF-8"?>
<OpenSearchDescription xmlns="http://a9.com/-/spec/opensearch/1.1/" xmlns:moz="http://www.mozilla.org/2006/browser/search/">
  <ShortName>${label}</ShortName>
  <Description>Search ${label}</Description>
  <InputEncoding>UTF-8</InputEncoding>
  <Image width="16" height="16" type="image/x-icon">${base}/static/favicon.png</Image>
  <Url type="text/html" method="get" template="${base}/?q={searchTerms}"/>
  <moz:SearchForm>${base}</moz:SearchForm>
</OpenSearchDescription>
`;
}
