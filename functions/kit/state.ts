/** The state of the product as every function sees it: one client per function instance. */
import { directory } from '../../adapters/access/directory.ts';
import { bundledConfiguration } from '../../adapters/environment/bundled-configuration.ts';
import { environmentStore } from '../../adapters/environment/environment-store.ts';
import { promotionStore } from '../../adapters/promotion/promotion-store.ts';
import { wakeRows } from '../../adapters/promotion/wake-rows.ts';
import { openTable } from '../../adapters/state/table.ts';
import type { Clock } from '../../core/promotion/ports.ts';

export const clock: Clock = { now: () => new Date() };
export const table = openTable();
export const promotions = promotionStore(table, clock);
export const environments = environmentStore(table, clock);
export const people = directory(table);
export const wakes = wakeRows(table, clock);
/** Read anew for every decision: today it is the bundled file, and nobody may rely on that. */
export const configuration = bundledConfiguration;
