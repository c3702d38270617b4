/** Programs that a benchmark starts, built as what is deployed is built: the TypeScript loader would count as their time and memory. */
import { join } from 'node:path';
import { build } from 'esbuild';
import { BUNDLE } from '../scripts/bundle-settings.ts';

/** Builds `name`, a file of this folder, into `folder`; answers the path of the program. */
export async function bundleProcess(name: string, folder: string): Promise<string> {
  await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    outdir: folder,
    ...BUNDLE,
    splitting: true,
  });
  return join(folder, `${name}.mjs`);
}
