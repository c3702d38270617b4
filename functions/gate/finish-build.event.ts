/** Lambda `build`: the end of a build on the default bus finishes the command gate that started it. */
import { gateRunRows } from '../../adapters/gate/gate-run-rows.ts';
import { cleanMessage, cleanOutput } from '../../core/gate/clean-text.ts';
import type { GateOutcome } from '../../core/gate/gate.ts';
import { log } from '../kit/log.ts';
import { table } from '../kit/state.ts';
import { finishRun } from './finish-run.ts';

/** Characters of the output's end that are shown. */
const LONGEST_END = 800;

/** What is read of CodeBuild's "Build State Change". The exported variables are made by the gate's program: attacker-controlled. */
interface BuildEvent {
  detail: {
    'build-status': string;
    'build-id': string;
    'additional-information'?: { 'exported-environment-variables'?: { name: string; value: string }[] };
  };
}

/** A build that no gate has registered yet is an error, so that the event is delivered again. */
export async function handler(event: BuildEvent): Promise<{ arrival: string }> {
  const { detail } = event;
  if (detail['build-status'] === 'IN_PROGRESS') return { arrival: 'ignored' };
  const run = await gateRunRows(table).find(detail['build-id']);
  if (!run) throw new Error(`no gate has registered the build ${detail['build-id']}`);
  const arrival = await finishRun(run, outcomeOfBuild(detail));
  log.info('build finished', { requestId: run.requestId, gate: run.gate, status: detail['build-status'], arrival });
  return { arrival };
}

/** Exit code 0 in a build that succeeded passes, any other exit code fails; a build that never came to an exit code is errored. */
function outcomeOfBuild(detail: BuildEvent['detail']): GateOutcome {
  const exported = new Map(detail['additional-information']?.['exported-environment-variables']?.map(({ name, value }) => [name, value]));
  const exit = exported.get('GATE_EXIT');
  // The end of the output is what says why.
  const output = cleanOutput(Buffer.from(exported.get('GATE_OUTPUT') ?? '', 'base64').toString('utf8'))
    .trim()
    .slice(-LONGEST_END);
  const said = output === '' ? '' : `: ${output}`;
  const status = detail['build-status'];
  if (status === 'SUCCEEDED' && exit === '0') return { status: 'passed', message: `the command ended with 0${said}`, resolution: '' };
  if (exit !== undefined && exit !== '0' && (status === 'FAILED' || status === 'SUCCEEDED')) {
    return {
      status: 'failed',
      message: `the command ended with ${cleanMessage(exit)}${said}`,
      resolution: 'mend what the command reports, then POST …/retry',
    };
  }
  return {
    status: 'errored',
    message: `the build ended with ${cleanMessage(status)} before the command did`,
    resolution: 'see the log of the build; if it ran out of time, raise the time-out of the gate',
  };
}
