/** Builds the console: scripts and style under names that hold their hash, compressed, and the page that names them. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { ROUTES } from '../functions/routes.ts';

/** `light-dark()` is what all of them have. */
const BROWSERS = ['chrome123', 'edge123', 'firefox120', 'safari17.5'];

/** Writes `page.html` and `assets/` into `folder`. */
export async function bundleConsole(root: string, folder: string): Promise<void> {
  const table = Object.fromEntries(
    ROUTES.filter(({ auth }) => auth === 'bearer').map(({ operation, method, path }) => [operation, [method, path]]),
  );
  const { outputFiles } = await build({
    entryPoints: { console: join(root, 'console/main.tsx'), style: join(root, 'console/style/console.css') },
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    outdir: join(folder, 'assets'),
    write: false,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: BROWSERS,
    minify: true,
    jsx: 'automatic',
    jsxImportSource: 'preact',
    define: { ROUTE_TABLE: JSON.stringify(table) },
    logLevel: 'warning',
  });
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'assets'), { recursive: true });
  const icon = readFileSync(join(root, 'console/style/icon.svg'));
  const files = [
    ...outputFiles.map(({ path, contents }) => ({ name: basename(path), contents })),
    { name: `icon-${createHash('sha256').update(icon).digest('hex').slice(0, 8)}.svg`, contents: icon },
  ];
  for (const { name, contents } of files) writeFileSync(join(folder, 'assets', `${name}.gz`), gzipSync(contents, { level: 9 }));
  const named = (start: string, end: string) => files.find(({ name }) => name.startsWith(start) && name.endsWith(end))!;
  writeFileSync(join(folder, 'page.html'), page(named('console-', '.js'), named('style-', '.css'), named('icon-', '.svg')));
}

interface Built {
  name: string;
  contents: Uint8Array;
}

function page(script: Built, style: Built, icon: Built): string {
  const address = ({ name }: Built) => `/console/assets/${name}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Greenlight</title>
<link rel="icon" href="${address(icon)}" type="image/svg+xml">
<link rel="stylesheet" href="${address(style)}" integrity="${integrityOf(style)}">
<script type="module" src="${address(script)}" integrity="${integrityOf(script)}"></script>
</head>
<body>
<div id="console"></div>
<noscript><main class="page"><h1>Greenlight</h1><p>The console needs JavaScript. Without it, mailed links and the command line <code>greenlight</code> do the same; the API is described at <a href="/docs">/docs</a>.</p></main></noscript>
</body>
</html>
`;
}

function integrityOf({ contents }: Built): string {
  return `sha384-${createHash('sha384').update(contents).digest('base64')}`;
}
