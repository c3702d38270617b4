/** The versions of an artifact, as the tags of a registry tell of them, and which of them are updates of one. */
import { type Constraint, satisfies, stepBetween, type VersionScheme } from './constraint.ts';
import type { ListedImage } from './ports.ts';
import { isReservedTag, versionKey } from './version.ts';
import { compareVersions, type VersionName, versionName } from './version-name.ts';

export interface KnownVersion {
  name: VersionName;
  digest: string;
  /** ISO; when it was pushed. */
  at?: string;
}

/** Oldest first, each version once: the tag without an environment's suffix says what a version is spelled like. Of an artifact with numbered versions nothing else is one. */
export function versionsOf(images: readonly ListedImage[], environments: readonly string[], scheme: VersionScheme): KnownVersion[] {
  const found = new Map<string, KnownVersion>();
  for (const { digest, tags, pushedAt } of images) {
    // The shortest spelling of a version is the release itself.
    for (const tag of [...tags].sort((left, right) => left.length - right.length)) {
      if (isReservedTag(tag)) continue;
      const read = versionName(tag, environments);
      const name = scheme === 'semver' ? read : opaque(read);
      const key = versionKey(name.text, environments);
      if ((scheme === 'semver' && name.semver === undefined) || found.has(key)) continue;
      found.set(key, { name, digest, ...(pushedAt === undefined ? {} : { at: pushedAt }) });
    }
  }
  return [...found.values()].sort((left, right) => compareVersions({ ...left, at: left.at }, { ...right, at: right.at }));
}

/** Whatever it looks like, it is a name. */
function opaque({ text, plain }: VersionName): VersionName {
  return { text, plain, prerelease: false };
}

export interface Update extends KnownVersion {
  step: ReturnType<typeof stepBetween>;
}

/** What the constraint takes and is newer than `current`; oldest first. Without `current`, everything that it takes. */
export function updatesOf(versions: readonly KnownVersion[], constraint: Constraint, current: KnownVersion | undefined): Update[] {
  const from = current ? versions.findIndex(({ name }) => name.plain === current.name.plain) : -1;
  const isNewer = (version: KnownVersion, index: number) =>
    current === undefined ||
    (from >= 0 ? index > from : compareVersions({ ...version, at: version.at }, { ...current, at: current.at }) > 0);
  return versions
    .filter((version, index) => isNewer(version, index) && satisfies(constraint, version.name))
    .map((version) => ({ ...version, step: stepBetween(current?.name, version.name) }));
}
