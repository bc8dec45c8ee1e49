import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { anyone } from '../../kernel/http/access.ts';
import { JsonText, toJson } from '../../kernel/http/answer.ts';
import { notFound } from '../../kernel/http/errors.ts';
import { findFile, sendFile } from '../../kernel/http/file-answer.ts';
import { buildOpenApi } from '../../kernel/http/openapi.ts';
import { type Route, route } from '../../kernel/http/route.ts';
import { toMarkup } from './markup.ts';

interface ExplorerDependencies {
  routes: () => readonly Route[];
  title: () => string;
  version: string;
}

const require = createRequire(import.meta.url);
const ASSETS: Record<string, () => string> = {
  'swagger-ui.css': () => join(dirname(require.resolve('swagger-ui-dist/package.json')), 'swagger-ui.css'),
  'swagger-ui-bundle.js': () => join(dirname(require.resolve('swagger-ui-dist/package.json')), 'swagger-ui-bundle.js'),
  'favicon-32x32.png': () => join(dirname(require.resolve('swagger-ui-dist/package.json')), 'favicon-32x32.png'),
  'redoc.standalone.js': () => join(dirname(require.resolve('redoc/package.json')), 'bundles', 'redoc.standalone.js'),
};

/** /openapi.json, /docs (Swagger UI) and /redoc; every asset comes from this server. */
export function explorerRoutes({ routes, title, version }: ExplorerDependencies): Route[] {
  let document: JsonText | undefined;
  const page = (url: string, html: () => string) =>
    route({
      method: ['GET', 'HEAD'],
      url,
      access: anyone,
      hidden: true,
      handler: ({ reply }) => reply.type('text/html; charset=utf-8').header('cache-control', 'no-cache').send(html()),
    });
  return [
    route({
      method: ['GET', 'HEAD'],
      url: '/openapi.json',
      access: anyone,
      hidden: true,
      handler: () => {
        document ??= new JsonText(Buffer.from(toJson(buildOpenApi(routes(), { title: title(), version }))));
        return document;
      },
    }),
    page('/docs', () => swaggerPage(title())),
    page('/redoc', () => redocPage(title())),
    route({
      method: ['GET', 'HEAD'],
      url: '/docs/assets/:name',
      access: anyone,
      hidden: true,
      handler: async ({ request, reply, params }) => {
        const name = params.name ?? '';
        const asset = Object.hasOwn(ASSETS, name) ? ASSETS[name]?.() : undefined;
        const file = asset ? await findFile(dirname(asset), name) : null;
        if (!file) throw notFound('Not Found');
        return sendFile(request, reply, file);
      },
    }),
  ];
}

function swaggerPage(title: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${toMarkup(title)} – API</title>
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, docExpansion: 'none', persistAuthorization: false });
</script>
</body>
</html>
`;
}

function redocPage(title: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${toMarkup(title)} – API</title>
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<meta http-equiv="Content-Security-Policy" content="img-src 'self' data:">
<style>body { margin: 0; }</style>
</head>
<body>
<div id="redoc"></div>
<script src="/docs/assets/redoc.standalone.js"></script>
<script>Redoc.init('/openapi.json', { disableSearch: false, hideHostname: true }, document.getElementById('redoc'));</script>
</body>
</html>
`;
}
