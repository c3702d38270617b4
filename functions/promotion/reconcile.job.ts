/** Lambda `reconcile`: every minute, does what nobody does but time, and repairs what a crash or a lost record left undone. */
import { noticeRows } from '../../adapters/notification/notice-rows.ts';
import { remind } from '../../core/approval/remind.ts';
import { tenantsOf } from '../../core/environment/configuration.ts';
import { statusOfReview } from '../../core/gate/review.ts';
import { approvalsHoldUntil, expired, lapsed, waitsUntil } from '../../core/promotion/begin.ts';
import type { PromotionChange } from '../../core/promotion/change.ts';
import { isHeld } from '../../core/promotion/hold.ts';
import type { Phase } from '../../core/promotion/phase.ts';
import { changing, type PromotionPage } from '../../core/promotion/ports.ts';
import type { Promotion } from '../../core/promotion/promotion.ts';
import { mayBeSuperseded, supersede, supersededIn } from '../../core/promotion/supersede.ts';
import { holdOn, lockOn } from '../environment/hold.ts';
import { log } from '../kit/log.ts';
import { clock, configuration, environments, promotions, reviews, table, wakes } from '../kit/state.ts';

const MAY_EXPIRE: ReadonlySet<Phase> = new Set(['validating', 'blocked', 'pending_approval', 'approved']);

export interface Reconciled {
  expired: number;
  lapsed: number;
  reminded: number;
  woken: number;
  overdue: number;
  superseded: number;
}

/** Expires what is over time, reminds, and wakes runs whose reason to wait is gone. Every step is a condition on the row, so two jobs at once are safe. */
export async function handler(): Promise<Reconciled> {
  const done: Reconciled = { expired: 0, lapsed: 0, reminded: 0, woken: 0, overdue: 0, superseded: 0 };
  const open: Promotion[] = [];
  for await (const promotion of openPromotions()) {
    open.push(promotion);
    try {
      if (isOver(promotion)) done.expired += await change(promotion.id, (head) => (isOver(head) ? expired(head) : undefined));
      else if (await hasLapsed(promotion)) done.lapsed += await change(promotion.id, lapse);
      else if (await reminderOf(promotion)) done.reminded += await change(promotion.id, reminderOf);
      else if (await sleepsInVain(promotion)) {
        await wakes.add({ kind: 'resume', requestId: promotion.id, attempt: promotion.attempt, wait: 'turn' });
        done.woken++;
      }
    } catch (error) {
      log.error('reconcile failed', { requestId: promotion.id, error });
    }
  }
  done.superseded = await supersedeOlder(open);
  done.overdue = await announceOverdueReviews();
  return done;
}

async function* openPromotions(): AsyncGenerator<Promotion> {
  const tenants = tenantsOf(await configuration());
  let after: string | undefined;
  do {
    const page: PromotionPage = await promotions.listOpen({ tenants, limit: 100, ...(after === undefined ? {} : { after }) });
    yield* page.items;
    after = page.after;
  } while (after !== undefined);
}

/** 1 when the change was made: somebody may have decided at the same instant, and exactly one of the two wins. */
function change(
  id: string,
  rule: (promotion: Promotion) => PromotionChange | undefined | Promise<PromotionChange | undefined>,
): Promise<number> {
  return changing(
    () => promotions.head(id),
    async (promotion) => {
      const due = promotion && (await rule(promotion));
      if (!due) return 0;
      await promotions.commit(due);
      return 1;
    },
  );
}

function isOver({ phase, expiresAt }: Promotion): boolean {
  return MAY_EXPIRE.has(phase) && clock.now().toISOString() >= expiresAt;
}

/** Approved long ago and still waiting: people are asked again now, not when its turn has come. */
async function hasLapsed(promotion: Promotion): Promise<boolean> {
  return (await lapse(promotion)) !== undefined;
}

async function lapse(promotion: Promotion): Promise<PromotionChange | undefined> {
  if (promotion.phase !== 'approved') return undefined;
  const plan = await promotions.plan(promotion.id, promotion.planHash);
  if (!plan || clock.now().toISOString() < approvalsHoldUntil(promotion, plan)) return undefined;
  const lapsing = lapsed(promotion, plan, clock.now());
  // The run waits for its turn; it finds the approvals open and waits for them.
  return { ...lapsing, wake: { kind: 'resume', requestId: promotion.id, attempt: promotion.attempt, wait: 'turn' } };
}

async function reminderOf(promotion: Promotion): Promise<PromotionChange | undefined> {
  const environment = (await configuration()).environments[promotion.to];
  return environment && remind(promotion, environment.reminders, clock.now().toISOString());
}

/** Approved, but what it waits for has happened: the date has come, the timer is over, the environment is free. */
async function sleepsInVain(promotion: Promotion): Promise<boolean> {
  const held = isHeld(promotion);
  if (promotion.phase !== 'approved' && !held) return false;
  const now = clock.now().toISOString();
  switch (promotion.waitingOn) {
    case 'schedule':
      return promotion.scheduledDate !== null && now >= promotion.scheduledDate;
    case 'timer': {
      const plan = await promotions.plan(promotion.id, promotion.planHash);
      return plan !== undefined && now >= waitsUntil(promotion, plan);
    }
    case 'lock':
      if (await lockOn(promotion.to, promotion)) return false;
      return held || (await environments.get(promotion.to, promotion.artifact))?.holder === undefined;
    case 'window':
      return (await holdOn(promotion))?.waitingOn !== 'window';
    default:
      return false;
  }
}

/** What a newer request has taken the place of. Read from the list, and looked at again before it is ended. */
async function supersedeOlder(open: readonly Promotion[]): Promise<number> {
  const { environments: configured } = await configuration();
  let ended = 0;
  for (const [{ id }, by] of supersededIn(open, (environment) => configured[environment]?.supersede === true)) {
    try {
      ended += await change(id, (head) => (mayBeSuperseded(head) ? supersede(head, by) : undefined));
    } catch (error) {
      log.error('superseding failed', { requestId: id, error });
    }
  }
  return ended;
}

/** Tells people once of every review that nobody has closed in time. */
async function announceOverdueReviews(): Promise<number> {
  const now = clock.now().toISOString();
  let announced = 0;
  for (const review of await reviews.all()) {
    if (review.remindedAt !== undefined || statusOfReview(review, now) !== 'overdue') continue;
    const promotion = await promotions.head(review.requestId);
    if (!promotion) continue;
    // The notice first: told twice is better than not at all.
    await noticeRows(table).add(
      { type: 'review.overdue', data: { review: review.id, gate: review.gate, dueAt: review.dueAt, by: review.by.email } },
      promotion,
      clock.now(),
    );
    if (await reviews.remind(review.id, clock.now())) announced++;
  }
  return announced;
}
