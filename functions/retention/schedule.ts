/** What the fixed tick of the schedule finds to do: apply what is due, then plan what is due. */
import { ENGINE } from '../../core/access/identity.ts';
import { tenantsOf } from '../../core/environment/configuration.ts';
import { messageOf, Refusal } from '../../core/errors.ts';
import type { Acting } from '../../core/promotion/create.ts';
import { planDueSince } from '../../core/retention/due.ts';
import type { StoredPlan } from '../../core/retention/ports.ts';
import { log } from '../kit/log.ts';
import { applyPlan } from './apply-plan.ts';
import { makePlan, type RetentionWorld } from './make-plan.ts';

export const BY_SCHEDULE: Acting = { actor: ENGINE, auth: 'engine', channel: 'schedule' };

/** Answers the plans that it touched. */
export async function keepSchedule(world: RetentionWorld, isLate: () => boolean): Promise<StoredPlan[]> {
  const { configuration, plans, clock } = world;
  const policy = configuration.retention;
  if (!policy) return [];
  const touched: StoredPlan[] = [];
  const now = clock.now();
  const recent = await plans.recent();
  const isOwn = ({ createdBy, status, applyFrom, expiresAt }: StoredPlan) =>
    createdBy === ENGINE.key && status === 'planned' && applyFrom <= now.toISOString() && now.toISOString() < expiresAt;
  const newest = recent.find(isOwn);
  // What was begun is ended, whoever began it: some of its artifacts are decided and can be used by nobody.
  const begun = recent.filter(({ status }) => status === 'applying' || status === 'incomplete');
  for (const plan of [...begun, ...(newest && policy.schedule !== 'never' ? [newest] : [])]) {
    if (isLate()) return touched;
    try {
      touched.push(await applyPlan(world, plan.id, BY_SCHEDULE, isLate));
    } catch (error) {
      log.warn('plan not applied', { plan: plan.id, error: messageOf(error) });
      if (!(error instanceof Refusal)) throw error;
    }
  }
  const due = planDueSince(policy.schedule, now);
  const last = recent.find(({ createdBy }) => createdBy === ENGINE.key)?.createdAt ?? '';
  if (due !== undefined && last < due) touched.push(await makePlan(world, { tenants: tenantsOf(configuration) }, BY_SCHEDULE));
  return touched;
}
