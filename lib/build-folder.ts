import { join } from 'node:path';

/** Where the build lies: `dist`, or the folder that GREENLIGHT_BUILD names, so that two starts at once do not build over each other. */
export function buildFolder(): string {
  return process.env['GREENLIGHT_BUILD'] ?? join(import.meta.dirname, '..', 'dist');
}
