/** The state of the product as every function sees it: one client per function instance. */
import { directory } from '../../adapters/access/directory.ts';
import { delegationRows } from '../../adapters/approval/delegation-rows.ts';
import { environmentStore } from '../../adapters/environment/environment-store.ts';
import { lockRows } from '../../adapters/environment/lock-rows.ts';
import { presentConfiguration } from '../../adapters/environment/present-configuration.ts';
import { watchRows } from '../../adapters/environment/watch-rows.ts';
import { reviewRows } from '../../adapters/gate/review-rows.ts';
import { promotionStore } from '../../adapters/promotion/promotion-store.ts';
import { wakeRows } from '../../adapters/promotion/wake-rows.ts';
import { openTable } from '../../adapters/state/table.ts';
import type { Approvers } from '../../core/approval/delegation.ts';
import type { Clock } from '../../core/promotion/ports.ts';

export const clock: Clock = { now: () => new Date() };
export const table = openTable();
export const promotions = promotionStore(table, clock);
export const environments = environmentStore(table, clock);
export const locks = lockRows(table);
export const watches = watchRows(table);
export const people = directory(table);
export const wakes = wakeRows(table, clock);
const present = presentConfiguration(table, clock);
/** Asked for anew for every decision: which version is in force may change at any time. */
export const configuration = present.now;
export const forgetConfiguration = present.forget;
export const delegations = delegationRows(table, clock);
export const reviews = reviewRows(table);

/** Who may approve now, read for every decision. */
export async function approversNow(): Promise<Approvers> {
  const [config, recent] = await Promise.all([configuration(), delegations.recent()]);
  return { configuration: config, delegations: recent, now: clock.now().toISOString() };
}
