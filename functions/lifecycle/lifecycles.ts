/** What is known of versions. Apart from the other state: whoever only reads requests loads none of it. */
import { lifecycleRows } from '../../adapters/lifecycle/lifecycle-rows.ts';
import { clock, table } from '../kit/state.ts';

export const lifecycles = lifecycleRows(table, clock);
