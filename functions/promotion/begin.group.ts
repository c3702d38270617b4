/** Lambda `begin`: the tasks around the rollout that touch neither registry nor cluster. */
import { sealedEvidence } from '../../adapters/audit/sealed-evidence.ts';
import { clock, table } from '../kit/state.ts';
import { taskHandler } from '../kit/task.ts';
import { begin } from './begin.task.ts';
import { fail } from './fail.task.ts';
import { wait } from './wait.task.ts';

export const handler = taskHandler({ begin: begin(sealedEvidence(table, clock)), fail, wait });
