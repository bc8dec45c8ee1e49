import { basename, relative, sep } from 'node:path';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { anyone, verified } from '../../kernel/http/access.ts';
import { HttpError, notFound } from '../../kernel/http/errors.ts';
import { type FoundFile, findFile, sendFile } from '../../kernel/http/file-answer.ts';
import { mediaType } from '../../kernel/http/media-types.ts';
import { createMethodIndex, type MethodIndex } from '../../kernel/http/method-index.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { legacyTarget } from './legacy.ts';
import { ownPage } from './own-page.ts';
import type { ClientPlace } from './place.ts';
import { findStatic } from './static-files.ts';

const NOT_FOUND = 'Not Found';
const NOT_ALLOWED = 'Method Not Allowed';
/** Below these, unknown paths answer with JSON: a page would only confuse who asks there. */
const API = /^\/(?:api|ollama|openai|ws|scim|oauth)(?:\/|$)/;
const PAGES = '/*';

interface ClientDependencies {
  place: ClientPlace;
  /** Folders searched for /static, first match wins; the client's own is the last. */
  staticFolders: readonly string[];
  /** `<DATA_DIR>/cache`: generated images and sounds. */
  cacheFolder: string;
  /** All routes of the server, to tell 405 from 404. Asked on the first unmatched request, not before. */
  routes: () => readonly Route[];
  /** Loggia's own version, for the page that stands in for a missing client. */
  version: string;
  /** Whether /docs exists. */
  explorer: boolean;
}

export interface ClientRoutes {
  routes: Route[];
  /** Answers what no route matches: everything but GET and HEAD. */
  unmatched(request: FastifyRequest, reply: FastifyReply): never;
}

/** The web client, its static files, and the rules for paths nobody knows (configuration note, 5.7). */
export function createClientRoutes(dependencies: ClientDependencies): ClientRoutes {
  const { place, staticFolders, cacheFolder } = dependencies;
  const files = { method: ['GET' as const, 'HEAD' as const], access: anyone, hidden: true };
  let index: MethodIndex | undefined;
  const methodsFor = (path: string) => {
    index ??= createMethodIndex(dependencies.routes().filter((one) => one.url !== PAGES));
    return index.methodsFor(path);
  };

  const routes = [
    route({
      ...files,
      url: '/static/*',
      handler: async ({ request, reply, params }) => {
        const file = await findStatic(staticFolders, params['*'] ?? '');
        if (!file) throw notFound(NOT_FOUND);
        return sendFile(request, reply, file);
      },
    }),
    route({
      method: 'GET',
      url: '/cache/*',
      access: verified,
      hidden: true,
      handler: async ({ request, reply, params }) => {
        const file = await findFile(cacheFolder, params['*'] ?? '');
        if (!file || isSound(cacheFolder, file.path)) throw notFound('File not found');
        return sendFile(request, asDownload(reply, file), file);
      },
    }),
    route({
      ...files,
      url: PAGES,
      handler: async ({ request, reply }) => {
        const path = pathOf(request);
        if (API.test(path)) refuse(methodsFor(path));
        const target = request.method === 'GET' ? legacyTarget(path, queryOf(request)) : null;
        if (target) return reply.code(307).header('location', target).send();
        const file = await clientFile(place.folder, path);
        if (file) return sendFile(request, withHeaders(reply, path, file), file);
        const wanted = path === '/' || String(request.headers.accept ?? '').includes('text/html');
        if (!wanted || path.endsWith('.js')) throw notFound(NOT_FOUND);
        return reply
          .code(path === '/' ? 200 : 404)
          .type('text/html; charset=utf-8')
          .send(ownPage(dependencies));
      },
    }),
  ];
  const unmatched: ClientRoutes['unmatched'] = (request) => {
    const path = pathOf(request);
    const methods = methodsFor(path);
    refuse(API.test(path) || methods.length > 0 ? methods : ['GET', 'HEAD']);
  };
  return { routes, unmatched };
}

/** 405 naming the methods there are, or 404 when there are none. */
function refuse(methods: string[]): never {
  if (methods.length === 0) throw notFound(NOT_FOUND);
  throw new HttpError(405, NOT_ALLOWED, { headers: { allow: methods.join(', ') } });
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? '/';
}

function queryOf(request: FastifyRequest): URLSearchParams {
  return new URLSearchParams(request.url.slice(pathOf(request).length));
}

/** The file of the build, else its single page; null when it must not stand in, or there is no client. */
async function clientFile(folder: string, path: string): Promise<FoundFile | null> {
  const file = await findFile(folder, path);
  if (file || path.endsWith('.js') || path.startsWith('/_app/immutable/')) return file;
  return findFile(folder, 'index.html');
}

function withHeaders(reply: FastifyReply, path: string, file: FoundFile): FastifyReply {
  if (file.path.endsWith('.html')) return reply.header('cache-control', 'no-cache');
  if (path.startsWith('/_app/immutable/')) return reply.header('cache-control', 'public, max-age=31536000, immutable');
  if (path.startsWith('/pyodide/')) return reply.header('access-control-allow-origin', '*');
  return reply;
}

/** What was read aloud to somebody, or said by them, lies there by a name others can work out. */
function isSound(cacheFolder: string, path: string): boolean {
  return relative(cacheFolder, path).split(sep)[0] === 'audio';
}

function asDownload(reply: FastifyReply, file: FoundFile): FastifyReply {
  const type = mediaType(file.path);
  reply.header('x-content-type-options', 'nosniff');
  // An SVG opened as a page could run script in the name of who opens it.
  if (type === 'image/svg+xml')
    reply.header('content-security-policy', "sandbox; default-src 'none'; style-src 'unsafe-inline'");
  if (/^(?:image|audio|video)\//.test(type)) return reply;
  const name = basename(file.path.split(sep).join('/')).replaceAll(/["\\\r\n]/g, '_');
  return reply.header('content-disposition', `attachment; filename="${encodeURI(name)}"`);
}
