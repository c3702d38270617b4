/**
 * The Task state. While the function runs, limits count real seconds, because functions do; once it has answered and only the token is out,
 * they count virtual seconds. A function that a crash interrupted is called again with the same arguments and the same token.
 */
import { LAMBDA_INVOKE, LAMBDA_INVOKE_TOKEN, LONGEST_SECONDS, type StateDefinition } from './definition.ts';
import type { Outcome, TaskPhase } from './execution-record.ts';
import { evaluate } from './expressions.ts';
import { StateFailure } from './failures.ts';
import { callFunction, callOf } from './lambda-call.ts';
import { waitUntil } from './pause.ts';
import { secondsOf } from './simple-states.ts';
import { conclude, type Step, scopeOf, type Transition } from './step.ts';
import { settleTask, startEvents, submittedEvent, timeoutOutcome } from './task-events.ts';

/** Longest delay that `setTimeout` keeps. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** Runs a Task to its outcome. Throws StateFailure for a failed one. */
export async function runTask(step: Step, state: StateDefinition): Promise<Transition> {
  if (step.branch.at.phase?.kind !== 'task') await schedule(step, state);
  const { token } = phaseOf(step);
  if (token && !phaseOf(step).outcome) step.tokens.register(token, step);
  try {
    if (!phaseOf(step).outcome && !phaseOf(step).submitted) await call(step);
    if (!phaseOf(step).outcome) await awaitToken(step);
  } finally {
    if (token) step.tokens.retire(token);
  }
  const outcome = phaseOf(step).outcome!;
  if ('failure' in outcome) throw new StateFailure(outcome.failure.error, outcome.failure.cause);
  return { ...(await conclude(state, scopeOf(step, { result: outcome.result, token }), outcome.result)), next: state.Next };
}

async function schedule(step: Step, state: StateDefinition): Promise<void> {
  const { execution, branch, context } = step;
  const resource = state.Resource!;
  const token = resource === LAMBDA_INVOKE_TOKEN ? step.tokens.issue(execution.header.id) : undefined;
  const given = state.Arguments === undefined ? branch.at.input : await evaluate(state.Arguments, scopeOf(step, { token }), 'Arguments');
  const phase: TaskPhase = {
    kind: 'task',
    resource: resource === LAMBDA_INVOKE ? 'invoke' : token ? 'invoke.waitForTaskToken' : 'direct',
    token,
    timeout: (await secondsOf(step, state, 'TimeoutSeconds')) ?? LONGEST_SECONDS,
    heartbeat: await secondsOf(step, state, 'HeartbeatSeconds'),
  };
  const functionCall = callOf(step, resource, given);
  for (const event of startEvents(phase, context.region, resource, given)) execution.event(branch, event);
  execution.change(branch, { phase, call: functionCall });
}

/** Calls the function. Afterwards the task has its outcome, or the token has its dates. */
async function call(step: Step): Promise<void> {
  const { execution, branch, context } = step;
  await execution.flush();
  const phase = phaseOf(step);
  if (phase.outcome) return;
  const began = performance.now();
  let beaten = began;
  const ended = await waitUntil<Outcome | 'settled'>(branch.cancel.signal, (end, fail) => {
    const limit = realTimeout(phase.timeout, () => end(timeoutOutcome('States.Timeout')));
    const watch = () =>
      phase.heartbeat === undefined ? undefined : realTimeout(phase.heartbeat, () => end(timeoutOutcome('States.HeartbeatTimeout')));
    let heartbeat = watch();
    branch.beat = () => {
      clearTimeout(heartbeat);
      beaten = performance.now();
      heartbeat = watch();
    };
    branch.wake = () => end('settled');
    callFunction(step, branch.at.call!, phase.resource === 'direct').then(end, fail);
    return () => {
      clearTimeout(limit);
      clearTimeout(heartbeat);
      branch.beat = undefined;
      branch.wake = undefined;
    };
  });
  if (ended === 'settled' || phaseOf(step).outcome) return;
  if (!phase.token || 'failure' in ended) {
    if (phase.token) step.tokens.retire(phase.token);
    return settleTask(execution, branch, ended);
  }
  const left = (seconds: number, since: number) => context.clock.now() + Math.max(0, seconds * 1_000 - (performance.now() - since));
  execution.event(branch, submittedEvent(phase, ended.result));
  const submitted = {
    due: left(phase.timeout, began),
    ...(phase.heartbeat === undefined ? {} : { heartbeatDue: left(phase.heartbeat, beaten) }),
  };
  execution.change(branch, { phase: { ...phase, submitted }, call: null });
}

/** Waits for the token to be used, or for its time to run out. */
async function awaitToken(step: Step): Promise<void> {
  const { execution, branch, context } = step;
  const flushed = execution.flush();
  const waiting = waitUntil<void>(branch.cancel.signal, (end) => {
    const expire = (error: 'States.Timeout' | 'States.HeartbeatTimeout') => {
      step.tokens.retire(phaseOf(step).token!);
      settleTask(execution, branch, timeoutOutcome(error));
      end();
    };
    const { due } = phaseOf(step).submitted!;
    const limit = context.clock.at(due, () => expire('States.Timeout'));
    const watch = () => {
      const heartbeatDue = phaseOf(step).submitted?.heartbeatDue;
      return heartbeatDue === undefined ? undefined : context.clock.at(heartbeatDue, () => expire('States.HeartbeatTimeout'));
    };
    let heartbeat = watch();
    branch.beat = () => {
      heartbeat?.cancel();
      heartbeat = watch();
    };
    branch.wake = end;
    return () => {
      limit.cancel();
      heartbeat?.cancel();
      branch.beat = undefined;
      branch.wake = undefined;
    };
  });
  await step.busy.pause(Promise.all([flushed, waiting]));
}

function phaseOf(step: Step): TaskPhase {
  return step.branch.at.phase as TaskPhase;
}

function realTimeout(seconds: number, callback: () => void): NodeJS.Timeout {
  return setTimeout(callback, Math.min(seconds * 1_000, LONGEST_TIMEOUT_MS)).unref();
}
