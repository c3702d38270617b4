/** Checks a definition when a machine is created: everything that the engine would not run exactly as written is refused here. */
import { checkFields, checkNumber, type Diagnostic, isObject, type Report } from './check-fields.ts';
import { checkState } from './check-state.ts';
import { LONGEST_SECONDS, type MachineDefinition, type StateDefinition, type StateTable } from './definition.ts';
import { BRANCH_FIELDS, MACHINE_FIELDS } from './definition-fields.ts';

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
    else checkState(state, where, report, (branch, place) => checkBranch(branch, place, inner));
    for (const target of isObject(state) ? targets(state) : []) {
      if (!Object.hasOwn(states, target)) report(where, `Missing 'Next' target: ${target}`, 'MISSING_TRANSITION_TARGET');
    }
  }
  const reached = reachable(table);
  for (const name of Object.keys(states)) {
    if (!reached.has(name)) report(`${at}/States/${name}`, `State "${name}" is not reachable.`, 'MISSING_TRANSITION_TARGET');
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
