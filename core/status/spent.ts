/** Where the time of one promotion went: what machines worked, and what waited for whom. The parts add up to the whole exactly. */

/** Machines work in these. */
export const WORKING = ['gates', 'copy', 'rollout', 'way_back'] as const;
/** Somebody or something is waited for in these: a person's repair, approvals, its turn (date, window, lock, execution), the end of a halt. */
export const WAITING = ['blocked', 'approval', 'turn', 'held'] as const;
export const PARTS = [...WORKING, ...WAITING] as const;
export type Part = (typeof PARTS)[number];

/** Milliseconds by part. */
export type Spent = Readonly<Record<Part, number>>;

/** What begins with a line of the history; every other line changes nothing of what is under way. */
const BEGINS: Readonly<Record<string, Part>> = {
  created: 'gates',
  validating: 'gates',
  edited: 'gates',
  retried: 'gates',
  gate_overridden: 'gates',
  blocked: 'blocked',
  approval_requested: 'approval',
  approval_voided: 'approval',
  approval_withdrawn: 'approval',
  waiting: 'turn',
  executed: 'turn',
  promoting: 'copy',
  copy_verified: 'rollout',
  rollout_step: 'rollout',
  held: 'held',
  rolling_back: 'way_back',
  aborted: 'way_back',
};

export interface Moment {
  action: string;
  at: string;
}

/** From the first line to the last. `approvedAt`: when the last approval was given; what follows until the rollout begins is its turn. */
export function timeSpent(history: readonly Moment[], approvedAt?: string): Spent {
  const spent = Object.fromEntries(PARTS.map((part) => [part, 0])) as Record<Part, number>;
  const approved = approvedAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(approvedAt);
  let part: Part = 'gates';
  let beforeHalt: Part = 'copy';
  for (const [index, { action, at }] of history.entries()) {
    if (action === 'held') {
      if (part !== 'held') beforeHalt = part;
      part = 'held';
    } else if (action === 'resumed') part = beforeHalt;
    else part = BEGINS[action] ?? part;
    const next = history[index + 1];
    if (!next) break;
    const [from, to] = [Date.parse(at), Date.parse(next.at)];
    if (part !== 'approval') spent[part] += to - from;
    else {
      const end = Math.min(Math.max(approved, from), to);
      spent.approval += end - from;
      spent.turn += to - end;
    }
  }
  return spent;
}
