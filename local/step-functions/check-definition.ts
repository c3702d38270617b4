/** Checks a definition when a machine is created: everything that the engine would not run exactly as written is refused here. */
import {
  FUNCTION_ARN,
  LAMBDA_INVOKE,
  LAMBDA_INVOKE_TOKEN,
  LONGEST_SECONDS,
  type MachineDefinition,
  type StateDefinition,
  type StateTable,
} from './definition.ts';
import {
  BRANCH_FIELDS,
  CATCH_FIELDS,
  CHOICE_FIELDS,
  FLOW_TYPES,
  INVOKE_ARGUMENTS,
  JSONPATH_FIELDS,
  MACHINE_FIELDS,
  RETRY_FIELDS,
  STATE_FIELDS,
  UNSUPPORTED_FIELDS,
} from './definition-fields.ts';
import { expressionFault, isExpression } from './expressions.ts';

/** One thing that is wrong, at a JSON pointer of the definition. */
export interface Diagnostic {
  code: string;
  message: string;
  location: string;
}

/** Longest definition in bytes: 1 MiB. */
const LONGEST_DEFINITION = 1_048_576;

/** Parses and checks a definition. An empty list of faults means that the engine runs it. */
export function checkDefinition(text: string): { definition: MachineDefinition; faults: Diagnostic[] } {
  const faults: Diagnostic[] = [];
  const report = (location: string, message: string, code = 'SCHEMA_VALIDATION_FAILED') => faults.push({ code, message, location });
  let definition = {} as MachineDefinition;
  try {
    if (Buffer.byteLength(text) > LONGEST_DEFINITION) throw new Error('the definition is longer than 1 MiB');
    definition = JSON.parse(text) as MachineDefinition;
    if (!isObject(definition)) throw new Error('the definition is not an object');
  } catch (error) {
    report('/', (error as Error).message, 'INVALID_JSON_DESCRIPTION');
    return { definition, faults };
  }
  const machine = definition as unknown as Record<string, unknown>;
  if (machine.QueryLanguage !== 'JSONata') report('/QueryLanguage', 'The local engine runs JSONata only: set QueryLanguage to "JSONata"');
  checkFields(machine, MACHINE_FIELDS, '', report);
  checkNumber(machine.TimeoutSeconds, 1, LONGEST_SECONDS, '/TimeoutSeconds', report);
  const seen = new Set<string>();
  checkTable(definition, '', { report, seen, outer: new Set() });
  return { definition, faults };
}

type Report = (location: string, message: string, code?: string) => void;

interface Checking {
  report: Report;
  /** State names are unique in the whole machine. */
  seen: Set<string>;
  /** Variables of the scopes around: an inner scope reads them and may not assign them. */
  outer: ReadonlySet<string>;
}

function checkTable(table: StateTable, at: string, checking: Checking): void {
  const { report, seen } = checking;
  if (!isObject(table?.States) || Object.keys(table.States).length === 0)
    return void report(`${at}/States`, 'States must hold at least one state');
  const states = table.States as Record<string, StateDefinition>;
  if (!Object.hasOwn(states, table.StartAt ?? ''))
    report(`${at}/StartAt`, `Missing 'StartAt' target: ${table.StartAt}`, 'MISSING_TRANSITION_TARGET');
  const assigned = new Set(Object.values(states).flatMap((state) => assignedNames(state)));
  for (const name of assigned) {
    if (checking.outer.has(name))
      report(`${at}/States`, `The variable '${name}' belongs to an outer scope and cannot be assigned in this one`);
  }
  const inner = { ...checking, outer: new Set([...checking.outer, ...assigned]) };
  for (const [name, state] of Object.entries(states)) {
    const where = `${at}/States/${name}`;
    if (seen.has(name)) report(where, `Duplicate state name: ${name}`, 'DUPLICATE_STATE_NAME');
    if (name.length > 80) report(where, 'A state name has at most 80 characters');
    seen.add(name);
    if (!isObject(state)) report(where, 'A state is an object');
    else checkState(state, where, inner);
    for (const target of isObject(state) ? targets(state) : []) {
      if (!Object.hasOwn(states, target)) report(where, `Missing 'Next' target: ${target}`, 'MISSING_TRANSITION_TARGET');
    }
  }
  const reached = reachable(table);
  for (const name of Object.keys(states)) {
    if (!reached.has(name)) report(`${at}/States/${name}`, `State "${name}" is not reachable.`, 'MISSING_TRANSITION_TARGET');
  }
}

function checkState(state: StateDefinition, at: string, checking: Checking): void {
  const { report } = checking;
  const fields = Object.hasOwn(STATE_FIELDS, state.Type) ? STATE_FIELDS[state.Type] : undefined;
  if (!fields) return void report(`${at}/Type`, `Unknown state type: ${String(state.Type)}`);
  const record = state as unknown as Record<string, unknown>;
  checkFields(record, fields, at, report);
  if (record.QueryLanguage !== undefined && record.QueryLanguage !== 'JSONata')
    report(`${at}/QueryLanguage`, 'The local engine runs JSONata only');
  if (FLOW_TYPES.has(state.Type) && (state.Next === undefined) === (state.End !== true))
    report(at, "Exactly one of 'Next' and 'End' is required");
  checkAssign(state.Assign, `${at}/Assign`, report);
  for (const field of ['Assign', 'Output', 'Arguments', 'Items', 'ItemSelector', 'Seconds', 'Timestamp', 'Error', 'Cause'] as const) {
    checkExpressions(record[field], `${at}/${field}`, report);
  }
  for (const field of ['TimeoutSeconds', 'HeartbeatSeconds', 'MaxConcurrency'] as const) {
    checkExpressions(record[field], `${at}/${field}`, report);
    checkNumber(record[field], field === 'MaxConcurrency' ? 0 : 1, LONGEST_SECONDS, `${at}/${field}`, report, true);
  }
  if (
    typeof state.TimeoutSeconds === 'number' &&
    typeof state.HeartbeatSeconds === 'number' &&
    state.HeartbeatSeconds >= state.TimeoutSeconds
  ) {
    report(`${at}/HeartbeatSeconds`, 'HeartbeatSeconds must be less than TimeoutSeconds');
  }
  checkRetry(state, at, report);
  if (state.Type === 'Task') checkTask(state, at, report);
  if (state.Type === 'Wait') {
    if ((state.Seconds === undefined) === (state.Timestamp === undefined))
      report(at, "Exactly one of 'Seconds' and 'Timestamp' is required");
    checkNumber(state.Seconds, 0, LONGEST_SECONDS, `${at}/Seconds`, report, true);
    if (typeof state.Timestamp === 'string' && !isExpression(state.Timestamp) && Number.isNaN(Date.parse(state.Timestamp))) {
      report(`${at}/Timestamp`, 'Timestamp is not an RFC 3339 date');
    }
  }
  if (state.Type === 'Choice') checkChoice(state, at, report);
  if (state.Type === 'Parallel') {
    if (!Array.isArray(state.Branches) || state.Branches.length === 0) report(`${at}/Branches`, 'Branches must not be empty');
    else for (const [i, branch] of state.Branches.entries()) checkBranch(branch, `${at}/Branches[${i}]`, checking);
  }
  if (state.Type === 'Map') {
    if (Array.isArray(state.Items) === false && state.Items !== undefined && !isExpression(state.Items))
      report(`${at}/Items`, 'Items is an array or an expression');
    checkBranch(state.ItemProcessor as StateTable, `${at}/ItemProcessor`, checking);
  }
}

function checkBranch(branch: StateTable, at: string, checking: Checking): void {
  if (!isObject(branch)) return void checking.report(at, 'A branch is an object with StartAt and States');
  const record = branch as unknown as Record<string, unknown>;
  checkFields(record, BRANCH_FIELDS, at, checking.report);
  const config = record.ProcessorConfig;
  if (
    config !== undefined &&
    (!isObject(config) || (config.Mode ?? 'INLINE') !== 'INLINE' || Object.keys(config).some((key) => key !== 'Mode'))
  ) {
    checking.report(`${at}/ProcessorConfig`, 'The local engine runs inline Map only: Mode must be "INLINE"');
  }
  checkTable(branch, at, checking);
}

function checkTask(state: StateDefinition, at: string, report: Report): void {
  const resource = state.Resource;
  if (typeof resource !== 'string') return void report(`${at}/Resource`, "The field 'Resource' is required");
  if (FUNCTION_ARN.test(resource)) return;
  if (resource !== LAMBDA_INVOKE && resource !== LAMBDA_INVOKE_TOKEN) {
    return void report(
      `${at}/Resource`,
      `The resource ${resource} is not supported: a Lambda ARN, ${LAMBDA_INVOKE} or ${LAMBDA_INVOKE_TOKEN}`,
    );
  }
  const given = state.Arguments;
  if (isExpression(given)) return;
  if (!isObject(given) || typeof given.FunctionName !== 'string')
    return void report(`${at}/Arguments`, "The field 'FunctionName' is required but was missing");
  for (const key of Object.keys(given)) {
    if (!INVOKE_ARGUMENTS.has(key)) report(`${at}/Arguments`, `The field "${key}" is not supported by the local engine`);
  }
  if (
    resource === LAMBDA_INVOKE_TOKEN &&
    !JSON.stringify(given).includes('Task.Token') &&
    !JSON.stringify(given).includes('$states.context')
  ) {
    report(`${at}/Arguments`, "A task that waits for a token must pass it on: '$states.context.Task.Token' is missing in Arguments");
  }
}

function checkChoice(state: StateDefinition, at: string, report: Report): void {
  if (!Array.isArray(state.Choices) || state.Choices.length === 0) return void report(`${at}/Choices`, 'Choices must not be empty');
  for (const [i, rule] of state.Choices.entries()) {
    const where = `${at}/Choices[${i}]`;
    if (!isObject(rule)) {
      report(where, 'A rule is an object');
      continue;
    }
    checkFields(rule as unknown as Record<string, unknown>, CHOICE_FIELDS, where, report);
    if (typeof rule.Condition !== 'boolean' && !isExpression(rule.Condition))
      report(`${where}/Condition`, 'Condition is a JSONata expression or a boolean');
    checkExpressions(rule.Condition, `${where}/Condition`, report);
    checkExpressions(rule.Output, `${where}/Output`, report);
    checkAssign(rule.Assign, `${where}/Assign`, report);
    checkExpressions(rule.Assign, `${where}/Assign`, report);
    if (typeof rule.Next !== 'string') report(where, "The field 'Next' is required");
  }
}

function checkRetry(state: StateDefinition, at: string, report: Report): void {
  for (const kind of ['Retry', 'Catch'] as const) {
    const entries = state[kind];
    if (entries === undefined) continue;
    if (!Array.isArray(entries)) {
      report(`${at}/${kind}`, `${kind} is an array`);
      continue;
    }
    for (const [i, entry] of entries.entries()) {
      const where = `${at}/${kind}[${i}]`;
      const record = (isObject(entry) ? entry : {}) as Record<string, unknown>;
      checkFields(record, kind === 'Retry' ? RETRY_FIELDS : CATCH_FIELDS, where, report);
      const names = record.ErrorEquals;
      if (!Array.isArray(names) || names.length === 0 || names.some((name) => typeof name !== 'string')) {
        report(`${where}/ErrorEquals`, 'ErrorEquals must hold at least one error name');
      } else if (names.includes('States.ALL') && (names.length > 1 || i < entries.length - 1)) {
        report(`${where}/ErrorEquals`, 'States.ALL must stand alone and last');
      }
      checkNumber(record.IntervalSeconds, 1, LONGEST_SECONDS, `${where}/IntervalSeconds`, report);
      checkNumber(record.MaxAttempts, 0, LONGEST_SECONDS, `${where}/MaxAttempts`, report);
      checkNumber(record.MaxDelaySeconds, 1, 31_622_400, `${where}/MaxDelaySeconds`, report);
      const rate = record.BackoffRate;
      if (rate !== undefined && (typeof rate !== 'number' || rate < 1))
        report(`${where}/BackoffRate`, 'BackoffRate is a number of at least 1.0');
      if (Number(record.MaxDelaySeconds) <= Number(record.IntervalSeconds ?? 1))
        report(`${where}/MaxDelaySeconds`, 'MaxDelaySeconds must exceed IntervalSeconds');
      if (record.JitterStrategy !== undefined && record.JitterStrategy !== 'FULL' && record.JitterStrategy !== 'NONE')
        report(where, 'JitterStrategy is FULL or NONE');
      if (kind === 'Catch' && typeof record.Next !== 'string') report(where, "The field 'Next' is required");
      checkAssign(record.Assign, `${where}/Assign`, report);
      checkExpressions(record.Assign, `${where}/Assign`, report);
      checkExpressions(record.Output, `${where}/Output`, report);
    }
  }
}

function checkFields(record: Record<string, unknown>, allowed: ReadonlySet<string>, at: string, report: Report): void {
  for (const field of Object.keys(record)) {
    if (allowed.has(field)) continue;
    if (JSONPATH_FIELDS.has(field)) report(`${at}/${field}`, `The JSONPath field '${field}' is not supported in JSONata`);
    else if (UNSUPPORTED_FIELDS.has(field)) report(`${at}/${field}`, `The field '${field}' is not supported by the local engine`);
    else report(`${at}/${field}`, `The field '${field}' is not supported by Step Functions`);
  }
}

function checkAssign(assign: unknown, at: string, report: Report): void {
  if (assign === undefined) return;
  if (!isObject(assign)) return void report(at, 'Assign is an object');
  for (const name of Object.keys(assign)) {
    if (!/^\p{ID_Start}\p{ID_Continue}*$/u.test(name) || name.length > 80) report(at, `'${name}' is not a variable name`);
    if (name === 'states') report(at, "The variable name 'states' is reserved");
  }
}

function checkExpressions(value: unknown, at: string, report: Report): void {
  if (Array.isArray(value)) for (const [i, item] of value.entries()) checkExpressions(item, `${at}[${i}]`, report);
  else if (isObject(value)) for (const [key, item] of Object.entries(value)) checkExpressions(item, `${at}/${key}`, report);
  else {
    const fault = expressionFault(value);
    if (fault) report(at, fault, 'INVALID_JSONATA_EXPRESSION');
  }
}

function checkNumber(value: unknown, least: number, most: number, at: string, report: Report, expression = false): void {
  if (value === undefined || (expression && isExpression(value))) return;
  if (!Number.isInteger(value) || Number(value) < least || Number(value) > most) report(at, `must be an integer from ${least} to ${most}`);
}

function targets(state: StateDefinition): string[] {
  const rules = [...(Array.isArray(state.Choices) ? state.Choices : []), ...(Array.isArray(state.Catch) ? state.Catch : [])];
  return [state.Next, state.Default, ...rules.map((rule) => rule?.Next)].filter((target) => typeof target === 'string');
}

function assignedNames(state: StateDefinition): string[] {
  if (!isObject(state)) return [];
  const rules = [...(Array.isArray(state.Choices) ? state.Choices : []), ...(Array.isArray(state.Catch) ? state.Catch : [])];
  return [state.Assign, ...rules.map((rule) => rule?.Assign)].flatMap((assign) => (isObject(assign) ? Object.keys(assign) : []));
}

function reachable(table: StateTable): Set<string> {
  const reached = new Set<string>();
  const queue = [table.StartAt];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const state = Object.hasOwn(table.States, name) ? table.States[name] : undefined;
    if (reached.has(name) || !isObject(state)) continue;
    reached.add(name);
    queue.push(...targets(state as StateDefinition));
  }
  return reached;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
