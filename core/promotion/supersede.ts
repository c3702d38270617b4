/** A newer request of the same artifact has taken the place of an older one: nobody should be asked about both. */
import type { PromotionChange } from './change.ts';
import { withPhase } from './change.ts';
import { engineChange } from './engine-change.ts';
import type { Phase } from './phase.ts';
import type { Promotion } from './promotion.ts';

/** A request that its gates have stopped, or not yet passed, takes nobody's place: perhaps it never will. */
const TAKES_PLACE: ReadonlySet<Phase> = new Set(['pending_approval', 'approved', 'promoting']);
const MAY_BE_REPLACED: ReadonlySet<Phase> = new Set(['requested', 'validating', 'blocked', 'pending_approval', 'approved']);

type Line = Pick<Promotion, 'id' | 'kind' | 'phase' | 'to' | 'tenant' | 'artifact' | 'createdAt'>;

/** What is ended, with the id of what takes its place. Repairs and rollbacks neither replace nor are replaced. */
export function supersededIn<Each extends Line>(open: readonly Each[], mayReplace: (environment: string) => boolean): Map<Each, string> {
  const newest = new Map<string, Each>();
  const ended = new Map<Each, string>();
  const placeOf = ({ to, tenant, artifact }: Line) => JSON.stringify([to, tenant, artifact]);
  const lines = open.filter(({ kind, to }) => kind === 'promote' && mayReplace(to));
  for (const each of lines.filter(({ phase }) => TAKES_PLACE.has(phase))) {
    const place = placeOf(each);
    const other = newest.get(place);
    if (!other || isNewer(each, other)) newest.set(place, each);
  }
  for (const each of lines.filter(({ phase }) => MAY_BE_REPLACED.has(phase))) {
    const other = newest.get(placeOf(each));
    if (other && isNewer(other, each)) ended.set(each, other.id);
  }
  return ended;
}

/** Of two that were made in the same instant the one with the later id is newer. */
function isNewer(left: Line, right: Line): boolean {
  if (left.createdAt !== right.createdAt) return left.createdAt > right.createdAt;
  return left.id.length === right.id.length ? left.id > right.id : left.id.length > right.id.length;
}

export function supersede(promotion: Promotion, by: string): PromotionChange {
  return engineChange(
    promotion,
    withPhase(promotion, 'superseded'),
    { type: 'promotion.superseded', action: 'superseded', data: { by }, error: `${by} has taken its place` },
    {
      notices: [{ type: 'approval.closed', data: { outcome: 'superseded', reason: `${by} is newer` } }],
      wake: { kind: 'resume', requestId: promotion.id, attempt: promotion.attempt },
    },
  );
}

/** Still older than what takes its place, and not begun meanwhile. */
export function mayBeSuperseded({ phase }: Pick<Promotion, 'phase'>): boolean {
  return MAY_BE_REPLACED.has(phase);
}
