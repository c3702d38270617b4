/** Parallel and inline Map: branches that run side by side, of which the first failure cancels the others. */
import type { StateDefinition, StateTable } from './definition.ts';
import type { Branch } from './execution.ts';
import { evaluate, evaluationFailure } from './expressions.ts';
import { payloadText, StateFailure } from './failures.ts';
import { conclude, type Step, scopeOf, type Transition } from './step.ts';

/** Iterations of an inline Map that AWS runs at once at most. */
const WIDEST_MAP = 40;
/** Types of states whose cancellation the history shows. */
const ABORTABLE = new Set(['Task', 'Wait', 'Parallel', 'Map']);

/** Parallel: all branches at once; the result lists their outputs. */
export async function runParallel(step: Step, state: StateDefinition): Promise<Transition> {
  const { execution, branch } = step;
  if (branch.at.phase?.kind !== 'children') {
    const input = state.Arguments === undefined ? branch.at.input : await evaluate(state.Arguments, scopeOf(step), 'Arguments');
    payloadText(input, `The state/task '${step.name}' received arguments`);
    execution.event(branch, { type: 'ParallelStateStarted' });
    execution.change(branch, { phase: { kind: 'children', items: [input] } });
  }
  const branches = state.Branches!;
  const input = itemsOf(branch)[0];
  const results = await runAll(step, 'Parallel', branches.length, branches.length, {
    table: (index) => branches[index]!,
    start: async (path) => execution.fork(path, { input, previous: branch.at.previous }),
  });
  return passOn(step, state, results, 'ParallelStateSucceeded');
}

/** Inline Map: one branch per item, at most MaxConcurrency at once. */
export async function runMap(step: Step, state: StateDefinition): Promise<Transition> {
  const { execution, branch } = step;
  const scope = scopeOf(step);
  const limit = state.MaxConcurrency === undefined ? 0 : await evaluate(state.MaxConcurrency, scope, 'MaxConcurrency');
  if (!Number.isInteger(limit) || Number(limit) < 0) {
    throw evaluationFailure(scope, String(state.MaxConcurrency), 'MaxConcurrency', 'returned a value that is not a non-negative integer.');
  }
  if (branch.at.phase?.kind !== 'children') {
    const items = state.Items === undefined ? branch.at.input : await evaluate(state.Items, scope, 'Items');
    if (!Array.isArray(items)) throw evaluationFailure(scope, String(state.Items), 'Items', 'returned a value that is not an array.');
    execution.event(branch, { type: 'MapStateStarted', details: ['mapStateStartedEventDetails', { length: items.length }] });
    execution.change(branch, { phase: { kind: 'children', items } });
  }
  const items = itemsOf(branch);
  const results = await runAll(step, 'Map', items.length, Number(limit) === 0 ? WIDEST_MAP : Math.min(Number(limit), WIDEST_MAP), {
    table: () => state.ItemProcessor!,
    start: async (path, index) => {
      const item = { Index: index, Value: items[index] };
      const input =
        state.ItemSelector === undefined ? item.Value : await evaluate(state.ItemSelector, scopeOf(step, { item }), 'ItemSelector');
      // The failure of another iteration may have come while the selector was evaluated.
      if (branch.at.phase?.kind !== 'children') throw new StateFailure('States.Runtime', 'the iteration was cancelled');
      const iteration = execution.fork(path, { input, item, previous: branch.at.previous });
      execution.event(iteration, iterationEvent(step, 'MapIterationStarted', index));
      return iteration;
    },
    ended: (iteration) => execution.event(iteration, iterationEvent(step, 'MapIterationSucceeded', iteration.at.item!.Index)),
  });
  return passOn(step, state, results, 'MapStateSucceeded');
}

interface Children {
  table(index: number): StateTable;
  start(path: string, index: number): Promise<Branch>;
  ended?(child: Branch): void;
}

/** Runs the children that are not done, `width` at a time, and answers their outputs in order. */
async function runAll(step: Step, kind: 'Parallel' | 'Map', count: number, width: number, children: Children): Promise<unknown[]> {
  const results = new Array<unknown>(count);
  let next = 0;
  let failure: StateFailure | undefined;
  const work = async () => {
    while (next < count && !failure) {
      const index = next++;
      const path = `${step.branch.path}/${index}`;
      try {
        const child = step.execution.branches.get(path) ?? (await children.start(path, index));
        results[index] = await step.runBranch(step, child, children.table(index), () => children.ended?.(child));
      } catch (error) {
        // Cancelled by the failure below: its own unwinding says nothing new.
        if (failure) return;
        if (!(error instanceof StateFailure)) throw error;
        failure = error;
        cancelChildren(step, kind, index, error);
      }
    }
  };
  await step.busy.pause(Promise.all(Array.from({ length: Math.min(width, count) }, work)));
  if (failure) throw failure;
  return results;
}

/** Ends all children in the same write that records the failure: a restart does not run them again. */
function cancelChildren(step: Step, kind: 'Parallel' | 'Map', failed: number, failure: StateFailure): void {
  const { execution, branch, tokens } = step;
  if (branch.cancel.signal.aborted) return;
  const failedPath = `${branch.path}/${failed}`;
  for (const child of execution.below(branch).reverse()) {
    const { at, path } = child;
    const lies = path === failedPath || path.startsWith(`${failedPath}/`);
    if (!lies && !at.done && ABORTABLE.has(at.type ?? '')) execution.event(child, { type: `${at.type}StateAborted` });
    const isIteration = kind === 'Map' && at.item && path.lastIndexOf('/') === branch.path.length;
    if (isIteration && !at.done)
      execution.event(child, iterationEvent(step, lies ? 'MapIterationFailed' : 'MapIterationAborted', at.item!.Index));
    if (at.phase?.kind === 'task' && at.phase.token) tokens.retire(at.phase.token);
    child.cancel.abort();
  }
  execution.prune(branch);
  execution.event(branch, { type: `${kind}StateFailed` });
  execution.change(branch, { phase: { kind: 'failed', failure: { error: failure.error, cause: failure.reason } } });
}

async function passOn(step: Step, state: StateDefinition, results: unknown[], type: string): Promise<Transition> {
  return { ...(await conclude(state, scopeOf(step, { result: results }), results)), next: state.Next, before: { type } };
}

function iterationEvent(step: Step, type: string, index: number) {
  const field = `m${type.slice(1)}EventDetails`;
  return { type, details: [field, { name: step.name, index }] as [string, Record<string, unknown>] };
}

function itemsOf(branch: Branch): unknown[] {
  return branch.at.phase?.kind === 'children' ? branch.at.phase.items : [];
}
