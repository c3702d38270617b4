/** Programs that a benchmark starts, built as what is deployed is built: the TypeScript loader would count as their time and memory. */
import { join } from 'node:path';
import { build } from 'esbuild';

/** Builds `name`, a file of this folder, into `folder`; answers the path of the program. */
export async function bundleProcess(name: string, folder: string): Promise<string> {
  await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    minify: true,
    keepNames: true,
    mainFields: ['module', 'main'],
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  return join(folder, `${name}.mjs`);
}
