/** Checks one state: its fields, and what its type demands. */

import { checkAssign, checkExpressions, checkFields, checkNumber, isObject, type Report } from './check-fields.ts';
import { FUNCTION_ARN, LAMBDA_INVOKE, LAMBDA_INVOKE_TOKEN, LONGEST_SECONDS, type StateDefinition, type StateTable } from './definition.ts';
import { CATCH_FIELDS, CHOICE_FIELDS, FLOW_TYPES, INVOKE_ARGUMENTS, RETRY_FIELDS, STATE_FIELDS } from './definition-fields.ts';
import { isExpression } from './expressions.ts';

/** Checks a state at the pointer `at`; `branch` checks what lies inside Parallel and Map. */
export function checkState(state: StateDefinition, at: string, report: Report, branch: (branch: StateTable, at: string) => void): void {
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
    else for (const [i, inner] of state.Branches.entries()) branch(inner, `${at}/Branches[${i}]`);
  }
  if (state.Type === 'Map') {
    if (Array.isArray(state.Items) === false && state.Items !== undefined && !isExpression(state.Items))
      report(`${at}/Items`, 'Items is an array or an expression');
    branch(state.ItemProcessor as StateTable, `${at}/ItemProcessor`);
  }
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
