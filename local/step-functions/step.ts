/** One state being run: what it sees, and how it passes on. */
import type { CloudContext } from '../service.ts';
import type { StateTable } from './definition.ts';
import type { Branch, EventDraft, Execution } from './execution.ts';
import { evaluate, type Scope } from './expressions.ts';
import { payloadText } from './failures.ts';
import type { Busy } from './pause.ts';
import type { Tokens } from './tokens.ts';

/** An execution with what it runs on. */
export interface Run {
  readonly execution: Execution;
  readonly context: CloudContext;
  readonly tokens: Tokens;
  /** Runs a branch to its end; Parallel and Map call it for theirs. `ended` joins the last write. */
  runBranch(run: Run, branch: Branch, table: StateTable, ended?: () => void): Promise<unknown>;
}

export interface Step extends Run {
  readonly branch: Branch;
  readonly table: StateTable;
  readonly busy: Busy;
  /** Name of the state. */
  readonly name: string;
}

/** Where the branch goes from a state; without `next` it ends. */
export interface Transition {
  output: unknown;
  assign?: Record<string, unknown> | undefined;
  next?: string | undefined;
  /** Event that belongs before the one of leaving the state. */
  before?: EventDraft;
}

/** What expressions of the state see. `more` adds result or errorOutput, and the token. */
export function scopeOf(
  step: Step,
  more: { result?: unknown; errorOutput?: unknown; token?: string | undefined; item?: unknown } = {},
): Scope {
  const { header } = step.execution;
  const { at } = step.branch;
  const lineage = lineageOf(step);
  const item = more.item ?? lineage.findLast((branch) => branch.at.item)?.at.item;
  const context = {
    Execution: {
      Id: header.arn,
      Input: JSON.parse(header.input) as unknown,
      Name: header.name,
      RoleArn: header.roleArn,
      StartTime: new Date(header.startDate).toISOString(),
      RedriveCount: 0,
    },
    StateMachine: { Id: header.machineArn, Name: header.machineName },
    State: {
      Name: step.name,
      EnteredTime: new Date(at.enteredAt).toISOString(),
      RetryCount: Object.values(at.retries).reduce((sum, count) => sum + count, 0),
    },
    ...(more.token === undefined ? {} : { Task: { Token: more.token } }),
    ...(item === undefined ? {} : { Map: { Item: item } }),
  };
  return {
    states: {
      input: at.input,
      context,
      ...('result' in more ? { result: more.result } : {}),
      ...('errorOutput' in more ? { errorOutput: more.errorOutput } : {}),
    },
    variables: Object.assign({}, ...lineage.map((branch) => branch.at.variables)) as Record<string, unknown>,
    clock: step.context.clock,
    stateName: step.name,
  };
}

/** Evaluates Assign and Output, both over the variables as they were before. Without Output the state passes `fallback` on. */
export async function conclude(
  spec: { Assign?: Record<string, unknown>; Output?: unknown },
  scope: Scope,
  fallback: unknown,
): Promise<{ output: unknown; assign?: Record<string, unknown> }> {
  const assign = spec.Assign === undefined ? undefined : ((await evaluate(spec.Assign, scope, 'Assign')) as Record<string, unknown>);
  const output = spec.Output === undefined ? fallback : await evaluate(spec.Output, scope, 'Output');
  payloadText(output, `The state/task '${scope.stateName}' returned a result`);
  for (const [name, value] of Object.entries(assign ?? {}))
    payloadText(value, `The state/task '${scope.stateName}' assigned the variable '${name}'`);
  return { output, ...(assign ? { assign } : {}) };
}

/** The branch with those around it, outermost first. */
function lineageOf(step: Step): Branch[] {
  const lineage: Branch[] = [];
  for (let path = step.branch.path; ; path = path.slice(0, path.lastIndexOf('/'))) {
    lineage.unshift(step.execution.branches.get(path)!);
    if (path === '') return lineage;
  }
}
