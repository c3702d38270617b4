/**
 * What a plan of retention costs over a million manifests: the judgement over columns, against one pass over the same columns in the same run; the
 * columns and their input apart, because they dominate and are bounded by the registries' own lists.
 */

import { type Columns, FLAG, judge } from '../core/retention/columns.ts';
import { type ArtifactInventory, inventoryOf, type StoredImage } from '../core/retention/inventory.ts';
import { Dice } from './dice.ts';
import { type Benchmark, compared, informing, limited } from './figure.ts';

export interface RetentionSize {
  manifests: number;
}

export const RETENTION: RetentionSize = { manifests: 1_000_000 };

const REPOSITORIES = 300;
const ENVIRONMENTS = 3;
const NOW = Date.UTC(2026, 5, 15);
const DAY = 86_400_000;
const KEEP = { keepLast: 10, keepSince: NOW - 30 * DAY };
const ROUNDS = 7;
/** A plan is made while somebody waits for it. */
const LIMIT_MS = 60;
/** Of them the input is made of real manifests: their objects take a hundred times the memory of their columns. */
const READ_SHARE = 10;

export async function retention({ manifests }: RetentionSize): Promise<Benchmark> {
  const columns = randomColumns(manifests);
  const [judged, pass] = [fastest(() => judge(columns, KEEP)), fastest(() => onePass(columns))];
  const reasons = judge(columns, KEEP);
  const going = reasons.reduce((sum, reason) => sum + Number(reason === 0), 0);
  const artifacts = randomArtifacts(Math.ceil(manifests / READ_SHARE));
  const policy = { protectedTags: ['release-*'], legalHolds: [] };
  const built = fastest(() => inventoryOf(artifacts, policy, ['dev', 'staging', 'prod']), 3);
  return {
    name: 'retention',
    figures: [
      limited(`judge ${manifests} manifests once the columns are built`, judged, 'ms', "the project's limit", LIMIT_MS),
      compared('the same against one pass over the columns', judged, 'ms', 'one pass', pass, Number.POSITIVE_INFINITY),
      informing(`of them would go`, going, 'manifests'),
      informing(`build the columns of ${Math.ceil(manifests / READ_SHARE)} manifests out of registries' lists`, built, 'ms'),
    ],
  };
}

/** Milliseconds of the fastest of some rounds: what a busy machine adds is not the code's. */
function fastest(run: () => unknown, rounds = ROUNDS): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return Math.round(best * 10) / 10;
}

/** The floor: every column is read once. */
function onePass({ group, pushedAt, order, flags, follower, followed }: Columns): number {
  let sum = 0;
  for (let row = 0; row < flags.length; row++) sum += group[row]! + pushedAt[row]! + order[row]! + flags[row]!;
  for (let at = 0; at < follower.length; at++) sum += follower[at]! + followed[at]!;
  return sum;
}

/** Half of them follow another one, one in three hundred is pinned or runs somewhere, all are up to two years old. */
function randomColumns(count: number): Columns {
  const dice = new Dice('BENCH_SEED', 42);
  const random = () => dice.next();
  const groups = REPOSITORIES * ENVIRONMENTS;
  const columns: Columns = {
    group: new Uint32Array(count),
    groups,
    pushedAt: new Float64Array(count),
    order: new Float64Array(count),
    flags: new Uint16Array(count),
    follower: new Int32Array(count >> 1),
    followed: new Int32Array(count >> 1),
  };
  let links = 0;
  for (let row = 0; row < count; row++) {
    columns.group[row] = Math.floor(random() * groups);
    columns.pushedAt[row] = NOW - Math.floor(random() * 730) * DAY;
    columns.order[row] = columns.pushedAt[row]!;
    const isFollower = row % 2 === 1;
    columns.flags[row] = (random() < 0.003 ? FLAG.inUse : 0) | (isFollower ? FLAG.follower : FLAG.release);
    if (!isFollower || links >= columns.follower.length) continue;
    columns.follower[links] = row;
    columns.followed[links++] = Math.floor(random() * row) & ~1;
  }
  return columns;
}

function randomArtifacts(count: number): ArtifactInventory[] {
  const dice = new Dice('BENCH_SEED', 7);
  const random = () => dice.next();
  const each = Math.ceil(count / REPOSITORIES);
  return Array.from({ length: REPOSITORIES }, (_, place) => {
    const digest = (index: number) => `sha256:${(place * each + index).toString(16).padStart(64, '0')}`;
    const images = Array.from({ length: each }, (_none, index): StoredImage => {
      const isReferrer = index % 2 === 1;
      return {
        digest: digest(index),
        tags: isReferrer ? [] : [`1.${index}.0`],
        pushedAt: new Date(NOW - Math.floor(random() * 730) * DAY).toISOString(),
        children: [],
        ...(isReferrer ? { subject: digest(index - 1) } : {}),
        blobs: [[`sha256:${index.toString(16).padStart(64, 'b')}`, Math.floor(random() * 1e9)]],
      };
    });
    return { artifact: `team/app${place}`, tenant: 'team', scheme: 'semver', registries: [{ name: 'dev', images }], uses: new Map() };
  });
}
