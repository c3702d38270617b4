/** What is known of every manifest, as columns: a million of them are judged in a few passes over flat memory. */

/** Why a manifest may not go, each a bit; what follows them says how it is counted. */
export const FLAG = {
  inUse: 1,
  rollback: 2,
  pending: 4,
  legalHold: 8,
  protected: 16,
  /** Something of it could not be read: what is not known is kept. */
  unknown: 32,
  /** A release: counts among the last N. */
  release: 64,
  /** A prerelease: kept where it is newer than the oldest release that is. */
  prerelease: 128,
  /** Part of something else (an image of an index, a signature): its own age and order do not count. */
  follower: 256,
} as const;

export interface Columns {
  /** Versions that are counted together: an artifact's numbered ones, and its others. */
  group: Uint32Array;
  groups: number;
  /** Milliseconds since the epoch; NaN where nobody says. */
  pushedAt: Float64Array;
  /** Larger is newer, within a group. */
  order: Float64Array;
  flags: Uint16Array;
  /** `follower[i]` belongs to `followed[i]`: an image to its index, a referrer to its subject. */
  follower: Int32Array;
  followed: Int32Array;
}

export interface KeepRules {
  keepLast: number;
  /** Milliseconds since the epoch; what was pushed since stays. */
  keepSince: number;
}

/** Why a manifest stays, in order of precedence; 0: it may go. */
export const REASONS = [
  'delete',
  'in use',
  'rollback',
  'pending request',
  'legal hold',
  'protected',
  'keep last',
  'age',
  'unknown',
  'belongs to what stays',
] as const;
export type Reason = (typeof REASONS)[number];

const [KEEP_LAST, AGE, UNKNOWN, BELONGS] = [6, 7, 8, 9];

/** The reason of every manifest, as places in `REASONS`. */
export function judge(columns: Columns, rules: KeepRules): Uint8Array {
  const reasons = ownReasons(columns, rules);
  keepWhatIsFollowed(columns, reasons);
  keepFollowers(columns, reasons);
  return reasons;
}

function ownReasons(columns: Columns, { keepLast, keepSince }: KeepRules): Uint8Array {
  const { flags, group, order, pushedAt } = columns;
  const oldest = oldestKept(columns, keepLast);
  const count = flags.length;
  const reasons = new Uint8Array(count);
  for (let row = 0; row < count; row++) {
    const flag = flags[row]!;
    const hard = flag & 31;
    // The lowest bit has the highest precedence, and its place is the reason.
    if (hard !== 0) reasons[row] = 32 - Math.clz32(hard & -hard);
    else if ((flag & FLAG.unknown) !== 0) reasons[row] = UNKNOWN;
    else if ((flag & FLAG.follower) !== 0) continue;
    else if ((flag & (FLAG.release | FLAG.prerelease)) !== 0 && order[row]! >= oldest[group[row]!]!) reasons[row] = KEEP_LAST;
    // A date that is missing or in the future compares as false here.
    else if (!(pushedAt[row]! < keepSince)) reasons[row] = Number.isNaN(pushedAt[row]) ? UNKNOWN : AGE;
  }
  return reasons;
}

/** Order of the oldest release that is among the last N of its group. A heap of N per group, no sort. */
function oldestKept({ flags, group, groups, order }: Columns, keepLast: number): Float64Array {
  const oldest = new Float64Array(groups).fill(keepLast === 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY);
  if (keepLast === 0) return oldest;
  const releases = new Uint32Array(groups);
  const count = flags.length;
  for (let row = 0; row < count; row++) if ((flags[row]! & FLAG.release) !== 0) releases[group[row]!]!++;
  const start = new Uint32Array(groups + 1);
  for (let each = 0; each < groups; each++) start[each + 1] = start[each]! + Math.min(keepLast, releases[each]!);
  const heap = new Float64Array(start[groups]!);
  const filled = new Uint32Array(groups);
  for (let row = 0; row < count; row++) {
    if ((flags[row]! & FLAG.release) === 0) continue;
    const own = group[row]!;
    const from = start[own]!;
    const room = start[own + 1]! - from;
    if (filled[own]! < room) raise(heap, from, filled[own]!++, order[row]!);
    else if (order[row]! > heap[from]!) sink(heap, from, room, order[row]!);
  }
  for (let each = 0; each < groups; each++) if (releases[each]! > keepLast) oldest[each] = heap[start[each]!]!;
  return oldest;
}

/** Puts a value at the end of a min-heap and lifts it. */
function raise(heap: Float64Array, from: number, end: number, value: number): void {
  let at = end;
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (heap[from + above]! <= value) break;
    heap[from + at] = heap[from + above]!;
    at = above;
  }
  heap[from + at] = value;
}

/** Takes the place of the smallest. */
function sink(heap: Float64Array, from: number, size: number, value: number): void {
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= size) break;
    if (below + 1 < size && heap[from + below + 1]! < heap[from + below]!) below++;
    if (heap[from + below]! >= value) break;
    heap[from + at] = heap[from + below]!;
    at = below;
  }
  heap[from + at] = value;
}

/** Does something rely on it for its own sake? Then what it belongs to stays as well. */
function isNeeded(reason: number): boolean {
  return reason !== 0 && reason !== KEEP_LAST && reason !== AGE;
}

/** An index with an image that is in use stays, and so does a subject with a referrer that is. */
function keepWhatIsFollowed({ follower, followed }: Columns, reasons: Uint8Array): void {
  for (let changed = true; changed; ) {
    changed = false;
    // Whoever makes the columns names what is followed first: backwards, one pass reaches the top.
    for (let link = follower.length - 1; link >= 0; link--) {
      if (reasons[followed[link]!] !== 0 || !isNeeded(reasons[follower[link]!]!)) continue;
      reasons[followed[link]!] = BELONGS;
      changed = true;
    }
  }
}

/** Images of an index that stays and signatures of a subject that stays are never deleted. */
function keepFollowers({ follower, followed }: Columns, reasons: Uint8Array): void {
  for (let changed = true; changed; ) {
    changed = false;
    for (let link = 0; link < follower.length; link++) {
      if (reasons[followed[link]!] === 0 || reasons[follower[link]!] !== 0) continue;
      reasons[follower[link]!] = BELONGS;
      changed = true;
    }
  }
}
