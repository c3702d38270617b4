/** Versions as names in an order: by semver where they are that, else by the date at which they came. Never by their text. */
import semver from './semantic-version.ts';
import { withoutEnvironment } from './version.ts';

export interface VersionName {
  /** As it is written, without the suffix of an environment. */
  text: string;
  /** Without a leading `v` where it is a semantic version: the same version in every spelling. */
  plain: string;
  /** Normalized semantic version without build metadata; undefined where it is none. */
  semver?: string;
  prerelease: boolean;
}

/** The longest that the semver package reads. */
const LONGEST = 256;

/** `v01.2.3`, `1.2.3.4` and `v1.2.3-` are no semantic versions: they are names like `build-812`. */
export function versionName(text: string, environments: readonly string[] = []): VersionName {
  const plainText = withoutEnvironment(text, environments);
  const parsed = plainText.length <= LONGEST ? semver.parse(plainText) : null;
  if (!parsed) return { text: plainText, plain: plainText, prerelease: false };
  // The package reads `=1.2.3` and ` v1.2.3` too, which are no tags.
  const plain = plainText.replace(/^v/, '');
  return { text: plainText, plain, semver: parsed.version, prerelease: parsed.prerelease.length > 0 };
}

/** A version in the order of its artifact: `at` is when it came (ISO). */
export interface DatedVersion {
  name: VersionName;
  at: string | undefined;
}

/**
 * Older first: negative when `left` is. Semantic versions by number, and of equal ones (`1.0.0+a`, `1.0.0+b`) by date; others by date, and before
 * every semantic version, because nothing says where among them they belong.
 */
export function compareVersions(left: DatedVersion, right: DatedVersion): number {
  const kinds = Number(left.name.semver !== undefined) - Number(right.name.semver !== undefined);
  if (kinds !== 0) return kinds;
  const order = left.name.semver === undefined ? 0 : semver.compare(left.name.semver, right.name.semver!);
  if (order !== 0) return order;
  return compareText(left.at ?? '', right.at ?? '') || compareText(left.name.text, right.name.text);
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}
