import { compareVersions, versionName } from '../registry/version-name.ts';
import type { Occupant } from './environment.ts';

/** Something else has been proven where promotions come from, and it is not older than what runs here: nobody goes forward to that. */
export function isBehind(current: Pick<Occupant, 'version' | 'digest'> | null, before: Pick<Occupant, 'version' | 'digest'>): boolean {
  if (current === null) return true;
  if (current.digest === before.digest) return false;
  const [mine, theirs] = [versionName(current.version), versionName(before.version)];
  if (mine.semver === undefined || theirs.semver === undefined || mine.semver === theirs.semver) return true;
  return compareVersions({ name: mine, at: undefined }, { name: theirs, at: undefined }) < 0;
}
