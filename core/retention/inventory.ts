/** What registries hold of artifacts, and how it becomes columns. A row is an artifact's digest in all its registries: what is in use anywhere is deleted nowhere. */
import type { VersionScheme } from '../registry/constraint.ts';
import { isReservedTag } from '../registry/version.ts';
import { compareVersions, type VersionName, versionName } from '../registry/version-name.ts';
import { type Columns, FLAG } from './columns.ts';
import type { LegalHold, RetentionConfiguration } from './configuration.ts';
import { matchesTag } from './tag-pattern.ts';

/** A manifest as one registry has it. */
export interface StoredImage {
  digest: string;
  tags: string[];
  /** ISO. */
  pushedAt?: string;
  /** Digests of an index's images. */
  children: string[];
  /** What it is a referrer of. */
  subject?: string;
  /** Config and layers with their sizes. */
  blobs: [digest: string, bytes: number][];
  /** Its manifest could not be read or understood. */
  unreadable?: true;
}

export interface ArtifactInventory {
  artifact: string;
  tenant: string;
  scheme: VersionScheme;
  registries: { name: string; images: StoredImage[] }[];
  /** What of it is used: a digest's bits of `FLAG`. */
  uses: ReadonlyMap<string, number>;
  /** Why nothing of it may go now. */
  unavailable?: string;
}

/** One row. */
export interface InventoryRow {
  artifact: string;
  tenant: string;
  digest: string;
  tags: string[];
  /** Its newest version; undefined where it has none. */
  version: VersionName | undefined;
  pushedAt: string | undefined;
  registries: string[];
  blobs: [digest: string, bytes: number][];
}

export interface Inventory {
  rows: InventoryRow[];
  columns: Columns;
}

interface Draft extends InventoryRow {
  children: string[];
  subjects: string[];
  flags: number;
  group: number;
}

export function inventoryOf(
  artifacts: readonly ArtifactInventory[],
  policy: Pick<RetentionConfiguration, 'protectedTags' | 'legalHolds'>,
  environments: readonly string[],
): Inventory {
  const drafts: Draft[] = [];
  const links: [follower: number, followed: number][] = [];
  for (const [place, artifact] of artifacts.entries()) {
    const own = draftsOf(artifact, policy, environments, 2 * place);
    const first = drafts.length;
    const at = new Map(own.map(({ digest }, index) => [digest, first + index]));
    drafts.push(...own);
    for (const [index, { children, subjects }] of own.entries()) {
      for (const child of children) link(links, at.get(child), first + index);
      for (const subject of subjects) link(links, first + index, at.get(subject));
    }
  }
  const order = ordersOf(drafts);
  for (const [follower] of links) drafts[follower]!.flags |= FLAG.follower;
  const columns: Columns = {
    group: Uint32Array.from(drafts, ({ group }) => group),
    groups: 2 * artifacts.length,
    pushedAt: Float64Array.from(drafts, ({ pushedAt }) => (pushedAt === undefined ? Number.NaN : Date.parse(pushedAt))),
    order,
    flags: Uint16Array.from(drafts, ({ flags }) => flags),
    follower: Int32Array.from(links, ([follower]) => follower),
    followed: Int32Array.from(links, ([, followed]) => followed),
  };
  return { rows: drafts.map(({ children: _c, subjects: _s, flags: _f, group: _g, ...row }) => row), columns };
}

/** What is named and not there keeps nothing. */
function link(links: [number, number][], follower: number | undefined, followed: number | undefined): void {
  if (follower !== undefined && followed !== undefined && follower !== followed) links.push([follower, followed]);
}

function draftsOf(
  { artifact, tenant, scheme, registries, uses, unavailable }: ArtifactInventory,
  { protectedTags, legalHolds }: Pick<RetentionConfiguration, 'protectedTags' | 'legalHolds'>,
  environments: readonly string[],
  group: number,
): Draft[] {
  const found = new Map<string, Draft>();
  for (const { name, images } of registries) {
    for (const image of images) {
      const { digest } = image;
      const draft: Draft = found.get(digest) ?? {
        ...{ artifact, tenant, digest, tags: [], version: undefined, pushedAt: undefined, registries: [] },
        ...{ blobs: image.blobs, children: image.children, subjects: [], flags: 0, group },
      };
      found.set(digest, draft);
      draft.registries.push(name);
      for (const tag of image.tags) if (!draft.tags.includes(tag)) draft.tags.push(tag);
      // What came anywhere lately is young.
      if (image.pushedAt !== undefined && (draft.pushedAt === undefined || draft.pushedAt < image.pushedAt))
        draft.pushedAt = image.pushedAt;
      if (image.subject !== undefined) draft.subjects.push(image.subject);
      if (image.unreadable) draft.flags |= FLAG.unknown;
    }
  }
  for (const draft of found.values()) {
    const { tags, digest } = draft;
    const versions = tags.filter((tag) => !isReservedTag(tag)).map((tag) => versionName(tag, environments));
    const named = scheme === 'semver' ? versions : versions.map(({ text, plain }) => ({ text, plain, prerelease: false }));
    draft.version = named.toSorted((left, right) => compareVersions({ name: left, at: '' }, { name: right, at: '' })).at(-1);
    // Tags of cosign and of the referrers fallback name their subject.
    for (const tag of tags) {
      const subject = /^sha256-([a-f0-9]{64})(?:$|\.)/.exec(tag)?.[1];
      if (subject !== undefined) draft.subjects.push(`sha256:${subject}`);
    }
    draft.flags |= uses.get(digest) ?? 0;
    // What `latest-<env>` names is what the environment holds, whatever its record says.
    if (tags.some((tag) => environments.some((environment) => tag === `latest-${environment}`))) draft.flags |= FLAG.inUse;
    if (tags.some((tag) => protectedTags.some((pattern) => matchesTag(pattern, tag)))) draft.flags |= FLAG.protected;
    if (named.some(({ text }) => protectedTags.some((pattern) => matchesTag(pattern, text)))) draft.flags |= FLAG.protected;
    if (legalHolds.some((hold) => isHeld(hold, artifact, digest, versions))) draft.flags |= FLAG.legalHold;
    if (unavailable !== undefined) draft.flags |= FLAG.unknown;
    if (!draft.version) continue;
    draft.flags |= draft.version.prerelease ? FLAG.prerelease : FLAG.release;
    if (draft.version.semver === undefined) draft.group = group + 1;
  }
  return [...found.values()];
}

function isHeld(
  { artifact: name, version, digest: held }: LegalHold,
  artifact: string,
  digest: string,
  versions: readonly VersionName[],
): boolean {
  if (name !== undefined && name !== artifact) return false;
  return held === digest || (version !== undefined && versions.some(({ plain }) => plain === versionName(version).plain));
}

/** Place of each version in the order of its group. */
function ordersOf(drafts: readonly Draft[]): Float64Array {
  const order = new Float64Array(drafts.length);
  const named = [...drafts.keys()].filter((index) => drafts[index]!.version !== undefined);
  named.sort((left, right) => {
    const [one, other] = [drafts[left]!, drafts[right]!];
    return (
      one.group - other.group || compareVersions({ name: one.version!, at: one.pushedAt }, { name: other.version!, at: other.pushedAt })
    );
  });
  for (const [place, index] of named.entries()) order[index] = place;
  return order;
}
