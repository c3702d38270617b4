/**
 * Builds what is deployed: every function in one esbuild step each, the normalized configuration beside its bundle, and the command line.
 * Synthesis and the local cloud use exactly these files. GREENLIGHT_CONFIG names the configuration file (default greenlight.yaml),
 * GREENLIGHT_BUILD the output folder (default dist).
 */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { readConfiguration } from '../core/environment/configuration-file.ts';
import { buildFolder } from '../lib/build-folder.ts';
import { FUNCTIONS } from '../lib/functions.ts';
import { bundleConsole } from './bundle-console.ts';
import { BANNER, BUNDLE } from './bundle-settings.ts';

const root = join(import.meta.dirname, '..');
const output = buildFolder();
const configurationFile = process.env['GREENLIGHT_CONFIG'] ?? join(root, 'greenlight.yaml');

/** Members of a route that only `functions/openapi.ts` reads, which runs here: every function carries the whole table, none of them needs these. */
const DESCRIPTIONS = /^ {4}(?:summary:\s*(?:'[^'\n]*'|"[^"\n]*")|tag: '[^'\n]*'),$/gm;
const withoutDescriptions: Plugin = {
  name: 'without-descriptions',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]functions[\\/][^\\/]+[\\/]routes\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(DESCRIPTIONS, ''),
      loader: 'ts',
    }));
  },
};

let openApi: Promise<string> | undefined;

const configuration = readOrExit(configurationFile);
rmSync(join(output, 'functions'), { recursive: true, force: true });
await Promise.all([...Object.entries(FUNCTIONS).map(([name, { entry }]) => bundleFunction(name, entry)), bundleCommandLine()]);

function readOrExit(file: string): string {
  const result = readConfiguration(readFileSync(file, 'utf8'));
  if (!result.ok) {
    for (const problem of result.problems)
      console.error(`${file}:${problem.line}: ${problem.message}${problem.hint ? ` (${problem.hint})` : ''}`);
    process.exit(2);
  }
  for (const warning of result.warnings) console.error(`warning: ${warning}`);
  return JSON.stringify(result.configuration);
}

async function bundleFunction(name: string, entry: string): Promise<void> {
  const folder = join(output, 'functions', name);
  mkdirSync(folder, { recursive: true });
  const result = await build({
    entryPoints: { index: join(root, entry) },
    outdir: folder,
    ...BUNDLE,
    splitting: true,
    metafile: true,
    plugins: [withoutDescriptions],
  });
  writeFileSync(join(folder, 'greenlight.json'), configuration);
  // The OpenAPI document is made at build time, so that no function carries the generator.
  if (name === 'public') {
    copyFileSync(await openApiFile(), join(folder, 'openapi.json'));
    await bundleConsole(root, join(folder, 'console'));
  }
  mkdirSync(join(output, 'meta'), { recursive: true });
  writeFileSync(join(output, 'meta', `${name}.json`), JSON.stringify(result.metafile));
}

function openApiFile(): Promise<string> {
  openApi ??= (async () => {
    const { openApiDocument } = await import('../functions/openapi.ts');
    const file = join(output, 'openapi.json');
    writeFileSync(file, JSON.stringify(openApiDocument(), null, 2));
    return file;
  })();
  return openApi;
}

async function bundleCommandLine(): Promise<void> {
  await build({
    entryPoints: { greenlight: join(root, 'bin/greenlight.ts') },
    // Where package.json's `bin` looks, whatever folder the functions are built into.
    outdir: join(root, 'dist', 'cli'),
    ...BUNDLE,
    banner: { js: `#!/usr/bin/env node\n${BANNER}` },
  });
}
