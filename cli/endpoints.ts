/** Where the API is: the environment, or the data folder of a local cloud. */
import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CommandFailure, EXIT } from './failure.ts';

/** The part of a local cloud's `endpoints.json` that the command line uses. */
export interface LocalEndpoints {
  folder: string;
  api: string;
  registries: Record<string, string>;
  issuer?: string;
  issuerPasswordFile?: string;
  ca?: string;
}

/** Data folder in use when none is given. */
const DEFAULT_FOLDER = '.greenlight';

/** Endpoints of `folder` (default `./.greenlight`); undefined when none was given and there is none. Fails when the named folder has none. */
export function readLocalEndpoints(cwd: string, folder: string | undefined): LocalEndpoints | undefined {
  const path = resolve(cwd, folder ?? DEFAULT_FOLDER);
  try {
    const read = JSON.parse(readFileSync(join(path, 'endpoints.json'), 'utf8')) as LocalEndpoints;
    return { ...read, folder: path };
  } catch {
    if (folder === undefined) return undefined;
    throw new CommandFailure(EXIT.unavailable, `no local cloud has been started with --data ${folder}`, {
      code: 'NO_ENDPOINTS',
      hint: `npm start -- --data ${folder}`,
    });
  }
}

/** Reads a file that only its owner may read. */
export function readPrivateFile(file: string): string {
  // Others on this machine could have read, or exchanged, what stands in it.
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    throw new CommandFailure(EXIT.notAllowed, `${file} can be read by others: it is not used`, {
      code: 'UNSAFE_FILE',
      hint: `chmod 600 ${file}`,
    });
  }
  return readFileSync(file, 'utf8');
}
