interface PageFacts {
  version: string;
  explorer: boolean;
}

/** The page of a server that has no web client: what runs here, where the API is, how to get the client. */
export function ownPage({ version, explorer }: PageFacts): string {
  const api = explorer
    ? '<p>The API is described at <a href="/docs">/docs</a> and <a href="/redoc">/redoc</a> (<a href="/openapi.json">openapi.json</a>).</p>'
    : '<p>The API works; its description is switched off (<code>ENV=prod</code>).</p>';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Loggia</title>
<style>
:root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif; }
body { max-width: 38rem; margin: 12vh auto; padding: 0 1.25rem; }
pre { padding: .75rem 1rem; border: 1px solid #8886; border-radius: .5rem; overflow-x: auto; }
</style>
</head>
<body>
<h1>Loggia is running</h1>
<p>Version ${version}. The server is up, but its web client is not installed on this machine.</p>
<p>On the server, in the folder of Loggia, run</p>
<pre>bin/loggia frontend install</pre>
<p>and reload this page; no restart is needed. It needs <code>pip</code> or <code>uv</code> and a network.
A built client that is there already can be named with <code>FRONTEND_BUILD_DIR</code>.</p>
${api}
</body>
</html>
`;
}
