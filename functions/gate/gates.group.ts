/** Lambda `gates`: the tasks that run and settle gates. */
import { gateRunner } from '../../adapters/gate/gate-runner.ts';
import { configuration } from '../kit/state.ts';
import { taskHandler } from '../kit/task.ts';
import { runGates } from './run-gates.task.ts';
import { settleGates } from './settle-gates.task.ts';

export const handler = taskHandler({ 'run-gates': runGates(gateRunner(configuration)), 'settle-gates': settleGates });
