/** Runs a branch from state to state, with Retry and Catch. */
import { setImmediate } from 'node:timers/promises';
import { runMap, runParallel } from './children.ts';
import type { Catcher, StateDefinition, StateTable } from './definition.ts';
import { type Branch, HISTORY_LIMIT } from './execution.ts';
import { Cancelled, errorOutput, matches, StateFailure } from './failures.ts';
import { Busy, sleepUntil } from './pause.ts';
import { retryDelay } from './retry-delay.ts';
import { runChoice, runFail, runPass, runSucceed, runWait } from './simple-states.ts';
import { conclude, type Run, type Step, scopeOf, type Transition } from './step.ts';
import { runTask } from './task.ts';

const STATES = {
  Task: runTask,
  Pass: runPass,
  Choice: runChoice,
  Wait: runWait,
  Succeed: runSucceed,
  Fail: runFail,
  Parallel: runParallel,
  Map: runMap,
};

/** Transitions after which a branch lets others run; a loop of Pass and Choice would otherwise keep the process busy. */
const TURN = 50;

/** Runs the branch on from its checkpoint to its end and answers its output. Throws StateFailure or Cancelled. `ended` joins the last write. */
export async function runBranch(run: Run, branch: Branch, table: StateTable, ended?: () => void): Promise<unknown> {
  if (branch.at.done) return branch.at.done.output;
  const busy = new Busy(run.context.clock);
  try {
    for (let transitions = 1; ; transitions++) {
      const name = branch.at.state ?? enter(run, branch, table, table.StartAt, branch.at.input);
      const step: Step = { ...run, branch, table, busy, name };
      const state = table.States[name]!;
      const transition = await perform(step, state);
      leave(step, state, transition);
      if (transition.next !== undefined) enter(run, branch, table, transition.next, transition.output);
      else {
        ended?.();
        run.execution.change(branch, { done: { output: transition.output } });
        return transition.output;
      }
      if (transitions % TURN === 0) await setImmediate();
    }
  } finally {
    busy.leave();
  }
}

function enter(run: Run, branch: Branch, table: StateTable, name: string, input: unknown): string {
  if (run.execution.lastEventId >= HISTORY_LIMIT - 1) {
    throw new StateFailure('States.Runtime', `The execution reached the maximum number of history events (${HISTORY_LIMIT}).`);
  }
  const details = { name, input: JSON.stringify(input), inputDetails: { truncated: false } };
  run.execution.event(branch, { type: `${table.States[name]!.Type}StateEntered`, details: ['stateEnteredEventDetails', details] });
  const { Type: type } = table.States[name]!;
  run.execution.change(branch, { state: name, type, input, enteredAt: run.context.clock.now(), retries: {}, phase: null, call: null });
  return name;
}

function leave(step: Step, state: StateDefinition, transition: Transition): void {
  const { execution, branch } = step;
  if (transition.before) execution.event(branch, transition.before);
  const assigned = Object.entries(transition.assign ?? {});
  const details = {
    name: step.name,
    output: JSON.stringify(transition.output),
    outputDetails: { truncated: false },
    ...(assigned.length > 0
      ? { assignedVariables: Object.fromEntries(assigned.map(([name, value]) => [name, JSON.stringify(value)])) }
      : {}),
  };
  execution.event(branch, { type: `${state.Type}StateExited`, details: ['stateExitedEventDetails', details] });
  execution.prune(branch);
  if (assigned.length > 0) execution.change(branch, { variables: { ...branch.at.variables, ...transition.assign } });
}

/** Runs one state until it succeeds, is caught, or fails for good. */
async function perform(step: Step, state: StateDefinition): Promise<Transition> {
  for (;;) {
    try {
      const { phase } = step.branch.at;
      if (phase?.kind === 'failed') throw new StateFailure(phase.failure.error, phase.failure.cause);
      if (phase?.kind === 'retry') {
        await step.execution.flush();
        await step.busy.pause(sleepUntil(step.context.clock, phase.due, step.branch.cancel.signal));
        step.execution.change(step.branch, { phase: null });
      }
      return await STATES[state.Type](step, state);
    } catch (error) {
      const failure = asFailure(step, error);
      if (retries(step, state, failure)) continue;
      const catcher = state.Catch?.find((entry) => matches(entry.ErrorEquals, failure.error));
      if (!catcher) throw failure;
      return caught(step, catcher, failure);
    }
  }
}

function asFailure(step: Step, error: unknown): StateFailure {
  if (error instanceof StateFailure) return error;
  if (error instanceof Cancelled) throw error;
  step.context.log('step functions: a state failed unexpectedly', {
    execution: step.execution.header.arn,
    state: step.name,
    error: String(error),
  });
  return new StateFailure('States.Runtime', `An error occurred while executing the state '${step.name}': ${(error as Error).message}`);
}

function retries(step: Step, state: StateDefinition, failure: StateFailure): boolean {
  const index = (state.Retry ?? []).findIndex((entry) => matches(entry.ErrorEquals, failure.error));
  const retrier = state.Retry?.[index];
  if (!retrier) return false;
  const { at } = step.branch;
  const made = at.retries[index] ?? 0;
  if (made >= (retrier.MaxAttempts ?? 3)) return false;
  const due = step.context.clock.now() + retryDelay(retrier, made) * 1_000;
  step.execution.prune(step.branch);
  step.execution.change(step.branch, { phase: { kind: 'retry', due }, call: null, retries: { ...at.retries, [index]: made + 1 } });
  return true;
}

async function caught(step: Step, catcher: Catcher, failure: StateFailure): Promise<Transition> {
  const output = errorOutput(failure);
  return { ...(await conclude(catcher, scopeOf(step, { errorOutput: output }), output)), next: catcher.Next };
}
