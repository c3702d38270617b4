/** Compiles the runtime that every worker thread starts with. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Writes `runtime.mjs` into `folder` and answers its path. */
export async function bundleRuntime(folder: string): Promise<string> {
  const outfile = join(folder, 'runtime.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('./runtime.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'silent',
  });
  return outfile;
}
