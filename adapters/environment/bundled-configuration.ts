/** The configuration that was deployed: `greenlight.json`, written beside the bundles by the build from greenlight.yaml. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Configuration } from '../../core/environment/configuration.ts';
import { requiredVariable } from '../state/table.ts';

let loaded: Promise<Configuration> | undefined;

/** The deployed configuration with the issuer of this deployment (environment variable `OIDC_ISSUER`). */
export function bundledConfiguration(): Promise<Configuration> {
  loaded ??= read();
  return loaded;
}

async function read(): Promise<Configuration> {
  const folder = process.env['LAMBDA_TASK_ROOT'] ?? dirname(fileURLToPath(import.meta.url));
  const configuration = JSON.parse(await readFile(join(folder, 'greenlight.json'), 'utf8')) as Configuration;
  return { ...configuration, issuer: requiredVariable('OIDC_ISSUER') };
}
