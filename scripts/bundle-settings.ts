/** How everything that runs on Node is bundled: functions, command line, and the programs that benchmarks start. */
import type { BuildOptions } from 'esbuild';

/** `createRequire` serves the few CommonJS packages inside the ES module bundle. */
export const BANNER = "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

export const BUNDLE = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  minify: true,
  keepNames: true,
  mainFields: ['module', 'main'],
  outExtension: { '.js': '.mjs' },
  banner: { js: BANNER },
  logLevel: 'warning',
} as const satisfies BuildOptions;
