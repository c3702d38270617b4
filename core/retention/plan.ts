/** The plan of a deletion: what would go, what stays and why, and what that saves. Carried out later, by its id, or not at all. */
import { sha256Hex } from '../promotion/canonical-json.ts';
import { judge, REASONS, type Reason } from './columns.ts';
import type { RetentionConfiguration } from './configuration.ts';
import type { Inventory, InventoryRow } from './inventory.ts';

/** What goes together or not at all: an index with its images and signatures. Its first digest is what people know. */
export interface DeletionUnit {
  artifact: string;
  tenant: string;
  /** Undefined where it has no version. */
  version?: string;
  tags: string[];
  pushedAt: string;
  digests: string[];
  registries: string[];
  bytes: number;
}

/** Versions that stay for one reason. */
export interface KeptGroup {
  artifact: string;
  reason: Reason;
  /** Newest first; at most `MOST_NAMED`. */
  versions: string[];
  count: number;
  bytes: number;
}

export interface RetentionPlan {
  units: DeletionUnit[];
  kept: KeptGroup[];
  totals: { artifacts: number; delete: number; keep: number; bytes: number; bytesFreed: number };
  /** Set where so much would go that it looks like a mistake. */
  stop?: string;
  warnings: string[];
}

/** A decision takes a row for each digest in one transaction, with its event, its notice and the plan's head. */
export const MOST_DIGESTS = 96;
/** What is left over is planned the next day. */
export const MOST_UNITS = 10_000;
const MOST_NAMED = 50;

export function planOf(inventory: Inventory, policy: RetentionConfiguration, now: Date): RetentionPlan {
  const { rows, columns } = inventory;
  const reasons = judge(columns, { keepLast: policy.keepLast, keepSince: now.getTime() - policy.keepDays * 86_400_000 });
  const isPart = partsOf(inventory);
  const all = unitsOf(inventory, reasons);
  const warnings = [
    ...all
      .filter(({ digests }) => digests.length > MOST_DIGESTS)
      .map(
        ({ artifact, version, digests }) =>
          `${artifact} ${version ?? digests[0]} stays: it has ${digests.length} manifests, more than go at once`,
      ),
    ...(all.length > MOST_UNITS ? [`only ${MOST_UNITS} of ${all.length} artifacts go at once; the rest is planned again`] : []),
  ];
  const units = all.filter(({ digests }) => digests.length <= MOST_DIGESTS).slice(0, MOST_UNITS);
  const tops = isPart.reduce((count, part) => count + 1 - part, 0);
  const bytes = bytesOf(rows);
  const going = new Set(units.flatMap(({ artifact, digests }) => digests.map((digest) => `${artifact}@${digest}`)));
  const bytesKept = bytesOf(rows.filter(({ artifact, digest }) => !going.has(`${artifact}@${digest}`)));
  const totals = { artifacts: tops, delete: units.length, keep: tops - units.length, bytes, bytesFreed: bytes - bytesKept };
  const percent = totals.artifacts === 0 ? 0 : (totals.delete * 100) / totals.artifacts;
  return {
    units,
    kept: keptOf(inventory, isPart, (index) =>
      going.has(`${rows[index]!.artifact}@${rows[index]!.digest}`) ? undefined : REASONS[reasons[index]!]!,
    ),
    totals,
    ...(percent > policy.maxDeletePercent
      ? {
          stop: `${totals.delete} of ${totals.artifacts} artifacts (${Math.round(percent)} %) would be deleted; more than ${policy.maxDeletePercent} % at once looks like a mistake`,
        }
      : {}),
    warnings,
  };
}

/** Which rows are parts of others: people count what they publish, not its images and signatures. */
function partsOf({ rows, columns }: Inventory): Uint8Array {
  const parts = new Uint8Array(rows.length);
  for (const follower of columns.follower) parts[follower] = 1;
  return parts;
}

/** Each root that goes with what belongs to it. What belongs to two that go comes with the second, so that no index names what is gone. */
function unitsOf({ rows, columns: { follower, followed } }: Inventory, reasons: Uint8Array): DeletionUnit[] {
  const followers = new Map<number, number[]>();
  const waitsFor = new Uint32Array(rows.length);
  for (let link = 0; link < follower.length; link++) {
    if (reasons[follower[link]!] !== 0 || reasons[followed[link]!] !== 0) continue;
    followers.set(followed[link]!, [...(followers.get(followed[link]!) ?? []), follower[link]!]);
    waitsFor[follower[link]!]!++;
  }
  const units: DeletionUnit[] = [];
  const taken = new Uint8Array(rows.length);
  const take = (root: number) => {
    const members: number[] = [];
    const open = [root];
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      taken[index] = 1;
      members.push(index);
      for (const each of followers.get(index) ?? []) if (--waitsFor[each]! === 0) open.push(each);
    }
    units.push(unitOf(members.map((index) => rows[index]!)));
  };
  for (let row = 0; row < rows.length; row++) if (reasons[row] === 0 && waitsFor[row] === 0 && !taken[row]) take(row);
  // Rows that follow each other in a circle, which no honest registry has, stay.
  return units.sort((left, right) =>
    left.artifact === right.artifact ? compare(left.pushedAt, right.pushedAt) : compare(left.artifact, right.artifact),
  );
}

function unitOf(members: readonly InventoryRow[]): DeletionUnit {
  const { artifact, tenant, version, tags, pushedAt } = members[0]!;
  return {
    artifact,
    tenant,
    ...(version === undefined ? {} : { version: version.text }),
    tags: tags.slice(0, 10),
    // What has no date stays.
    pushedAt: pushedAt!,
    digests: members.map(({ digest }) => digest),
    registries: [...new Set(members.flatMap(({ registries }) => registries))].sort(),
    bytes: bytesOf(members),
  };
}

/** Bytes that the registries hold for these: each blob once for each registry and repository. */
function bytesOf(rows: Iterable<InventoryRow>): number {
  const seen = new Map<string, Set<string>>();
  let bytes = 0;
  for (const { artifact, registries, blobs } of rows) {
    for (const registry of registries) {
      const place = `${registry}/${artifact}`;
      const known = seen.get(place) ?? new Set<string>();
      seen.set(place, known);
      for (const [digest, size] of blobs) {
        if (known.has(digest)) continue;
        known.add(digest);
        bytes += size;
      }
    }
  }
  return bytes;
}

interface Kept {
  artifact: string;
  reason: Reason;
  rows: InventoryRow[];
  /** Images and signatures of these: what an index weighs are its parts. */
  parts: InventoryRow[];
}

/** What stays, by artifact and reason; `reasonOf` a row that goes is undefined. */
function keptOf({ rows, columns }: Inventory, isPart: Uint8Array, reasonOf: (index: number) => Reason | undefined): KeptGroup[] {
  const groups = new Map<string, Kept>();
  const groupOf = new Map<number, Kept>();
  for (const [index, row] of rows.entries()) {
    const reason = isPart[index] ? undefined : reasonOf(index);
    if (reason === undefined) continue;
    const key = `${row.artifact}#${reason}`;
    const group = groups.get(key) ?? { artifact: row.artifact, reason, rows: [], parts: [] };
    groups.set(key, group);
    groupOf.set(index, group);
    group.rows.push(row);
  }
  const above = new Int32Array(rows.length).fill(-1);
  for (const [link, follower] of columns.follower.entries()) above[follower] = columns.followed[link]!;
  for (let index = 0; index < rows.length; index++) {
    let root = index;
    for (let step = 0; above[root]! >= 0 && step < MOST_DIGESTS; step++) root = above[root]!;
    if (root !== index) groupOf.get(root)?.parts.push(rows[index]!);
  }
  return [...groups.values()]
    .map(({ artifact, reason, rows: kept, parts }) => ({
      artifact,
      reason,
      versions: kept
        .toSorted((left, right) => compare(right.pushedAt, left.pushedAt))
        .slice(0, MOST_NAMED)
        .map(({ version, digest }) => version?.text ?? digest.slice(0, 19)),
      count: kept.length,
      bytes: bytesOf([...kept, ...parts]),
    }))
    .sort((left, right) => compare(left.artifact, right.artifact) || REASONS.indexOf(left.reason) - REASONS.indexOf(right.reason));
}

/** What the plan would do and by which rules: another hash is another plan. */
export function retentionHash(units: readonly DeletionUnit[], policy: RetentionConfiguration): string {
  const lines = units.flatMap(({ artifact, digests }) => digests.map((digest) => `${artifact}@${digest}`)).sort();
  return `sha256:${sha256Hex([JSON.stringify(policy), ...lines].join('\n'))}`;
}

/**
 * Units of a plan that may not go any more, because the judgement of now says otherwise, or because their artifact could not be looked at: `looked`
 * names those that could. What is gone from an artifact that could is no obstacle: it was deleted by the same plan, or by somebody else.
 */
export function staleUnits(
  units: readonly DeletionUnit[],
  { rows, columns }: Inventory,
  looked: ReadonlySet<string>,
  policy: RetentionConfiguration,
  now: Date,
): DeletionUnit[] {
  const reasons = judge(columns, { keepLast: policy.keepLast, keepSince: now.getTime() - policy.keepDays * 86_400_000 });
  const kept = new Set(rows.flatMap(({ artifact, digest }, index) => (reasons[index] === 0 ? [] : [`${artifact}@${digest}`])));
  return units.filter(({ artifact, digests }) => !looked.has(artifact) || digests.some((digest) => kept.has(`${artifact}@${digest}`)));
}

function compare(left = '', right = ''): number {
  return left < right ? -1 : Number(left > right);
}
