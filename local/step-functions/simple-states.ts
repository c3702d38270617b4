/** The states that call nothing: Pass, Choice, Wait, Succeed, Fail. */
import { LONGEST_SECONDS, type StateDefinition } from './definition.ts';
import { evaluate, evaluationFailure } from './expressions.ts';
import { StateFailure } from './failures.ts';
import { sleepUntil } from './pause.ts';
import { conclude, type Step, scopeOf, type Transition } from './step.ts';

/** Pass: Assign and Output only. */
export async function runPass(step: Step, state: StateDefinition): Promise<Transition> {
  return { ...(await conclude(state, scopeOf(step), step.branch.at.input)), next: state.Next };
}

/** Succeed: ends the branch with its Output. */
export async function runSucceed(step: Step, state: StateDefinition): Promise<Transition> {
  return conclude({ Output: state.Output }, scopeOf(step), step.branch.at.input);
}

/** Fail: throws StateFailure with Error and Cause. */
export async function runFail(step: Step, state: StateDefinition): Promise<Transition> {
  const scope = scopeOf(step);
  const error = state.Error === undefined ? undefined : String(await evaluate(state.Error, scope, 'Error'));
  const cause = state.Cause === undefined ? undefined : String(await evaluate(state.Cause, scope, 'Cause'));
  throw new StateFailure(error, cause);
}

/** Choice: the first rule that holds, or Default. Throws StateFailure `States.NoChoiceMatched`. */
export async function runChoice(step: Step, state: StateDefinition): Promise<Transition> {
  const scope = scopeOf(step);
  const { input } = step.branch.at;
  for (const [i, rule] of (state.Choices ?? []).entries()) {
    const field = `Choices[${i}]/Condition`;
    const holds = await evaluate(rule.Condition, scope, field);
    if (typeof holds !== 'boolean') throw evaluationFailure(scope, String(rule.Condition), field, 'returned an unexpected result type.');
    // Assign and Output of the state itself belong to Default alone.
    if (holds) return { ...(await conclude(rule, scope, input)), next: rule.Next };
  }
  if (state.Default === undefined) throw new StateFailure('States.NoChoiceMatched', `No choice of the state '${step.name}' matched`);
  return { ...(await conclude(state, scope, input)), next: state.Default };
}

/** Wait: until a due instant that a restart keeps. */
export async function runWait(step: Step, state: StateDefinition): Promise<Transition> {
  const { clock } = step.context;
  if (step.branch.at.phase?.kind !== 'wait') {
    step.execution.change(step.branch, { phase: { kind: 'wait', due: await dueOf(step, state) } });
  }
  const { phase } = step.branch.at;
  if (phase?.kind === 'wait' && phase.due > clock.now()) {
    await step.execution.flush();
    await step.busy.pause(sleepUntil(clock, phase.due, step.branch.cancel.signal));
  }
  return { ...(await conclude(state, scopeOf(step), step.branch.at.input)), next: state.Next };
}

async function dueOf(step: Step, state: StateDefinition): Promise<number> {
  const scope = scopeOf(step);
  if (state.Seconds !== undefined) return step.context.clock.now() + (await secondsOf(step, state, 'Seconds'))! * 1_000;
  const timestamp = await evaluate(state.Timestamp, scope, 'Timestamp');
  const due =
    typeof timestamp === 'string' && /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:\d{2})$/.test(timestamp) ? Date.parse(timestamp) : Number.NaN;
  if (Number.isNaN(due))
    throw evaluationFailure(scope, String(state.Timestamp), 'Timestamp', 'returned a value that is not an RFC 3339 date.');
  return due;
}

/** Evaluates a field that holds whole seconds; undefined when the state does not have it. */
export async function secondsOf(
  step: Step,
  state: StateDefinition,
  field: 'Seconds' | 'TimeoutSeconds' | 'HeartbeatSeconds',
): Promise<number | undefined> {
  if (state[field] === undefined) return undefined;
  const scope = scopeOf(step);
  const value = await evaluate(state[field], scope, field);
  const least = field === 'Seconds' ? 0 : 1;
  if (!Number.isInteger(value) || Number(value) < least || Number(value) > LONGEST_SECONDS) {
    throw evaluationFailure(
      scope,
      String(state[field]),
      field,
      `returned a value that is not an integer from ${least} to ${LONGEST_SECONDS}.`,
    );
  }
  return Number(value);
}
