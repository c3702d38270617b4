/** History events of a task, and the recording of what it came to. */
import type { Branch, EventDraft, Execution } from './execution.ts';
import type { Outcome, TaskPhase } from './execution-record.ts';

/** Records the outcome of a task together with its event; the branch goes on from there, also after a crash. */
export function settleTask(execution: Execution, branch: Branch, outcome: Outcome): void {
  const phase = branch.at.phase as TaskPhase;
  execution.event(branch, outcomeEvent(phase, outcome));
  execution.change(branch, { phase: { ...phase, outcome }, call: null });
}

/** Failure of a task that took too long. */
export function timeoutOutcome(error: 'States.Timeout' | 'States.HeartbeatTimeout'): Outcome {
  return { failure: { error } };
}

/** Events with which a task begins. */
export function startEvents(phase: TaskPhase, region: string, resource: string, given: unknown): EventDraft[] {
  const limits = {
    timeoutInSeconds: phase.timeout,
    ...(phase.heartbeat === undefined ? {} : { heartbeatInSeconds: phase.heartbeat }),
  };
  const parameters = JSON.stringify(given);
  if (phase.resource === 'direct') {
    const { timeoutInSeconds } = limits;
    const content = { resource, input: parameters, inputDetails: { truncated: false }, timeoutInSeconds };
    return [
      { type: 'LambdaFunctionScheduled', details: ['lambdaFunctionScheduledEventDetails', content] },
      { type: 'LambdaFunctionStarted' },
    ];
  }
  const what = { resourceType: 'lambda', resource: phase.resource };
  return [
    { type: 'TaskScheduled', details: ['taskScheduledEventDetails', { ...what, region, parameters, ...limits }] },
    { type: 'TaskStarted', details: ['taskStartedEventDetails', what] },
  ];
}

/** The function has answered, the token is still out. */
export function submittedEvent(phase: TaskPhase, result: unknown): EventDraft {
  const content = { resourceType: 'lambda', resource: phase.resource, output: JSON.stringify(result), outputDetails: { truncated: false } };
  return { type: 'TaskSubmitted', details: ['taskSubmittedEventDetails', content] };
}

function outcomeEvent(phase: TaskPhase, outcome: Outcome): EventDraft {
  const direct = phase.resource === 'direct';
  const what = direct ? {} : { resourceType: 'lambda', resource: phase.resource };
  if ('result' in outcome) {
    const content = { ...what, output: JSON.stringify(outcome.result), outputDetails: { truncated: false } };
    return direct
      ? { type: 'LambdaFunctionSucceeded', details: ['lambdaFunctionSucceededEventDetails', content] }
      : { type: 'TaskSucceeded', details: ['taskSucceededEventDetails', content] };
  }
  const { error } = outcome.failure;
  const how = error === 'States.Timeout' || error === 'States.HeartbeatTimeout' ? 'TimedOut' : 'Failed';
  const content = { ...what, ...outcome.failure };
  return direct
    ? { type: `LambdaFunction${how}`, details: [`lambdaFunction${how}EventDetails`, content] }
    : { type: `Task${how}`, details: [`task${how}EventDetails`, content] };
}
