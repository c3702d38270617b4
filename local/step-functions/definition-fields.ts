/** Which fields a state may have. Everything else is refused when the machine is created, as AWS does. */

const ANY_STATE = ['Type', 'Comment', 'QueryLanguage'];
const FLOW = ['Next', 'End', 'Assign', 'Output'];
const FAULTS = ['Retry', 'Catch'];

/** Fields per state type, in JSONata. */
export const STATE_FIELDS: Readonly<Record<string, ReadonlySet<string>>> = {
  Task: new Set([...ANY_STATE, ...FLOW, ...FAULTS, 'Resource', 'Arguments', 'TimeoutSeconds', 'HeartbeatSeconds']),
  Pass: new Set([...ANY_STATE, ...FLOW]),
  Wait: new Set([...ANY_STATE, ...FLOW, 'Seconds', 'Timestamp']),
  Choice: new Set([...ANY_STATE, 'Assign', 'Output', 'Choices', 'Default']),
  Succeed: new Set([...ANY_STATE, 'Output']),
  Fail: new Set([...ANY_STATE, 'Error', 'Cause']),
  Parallel: new Set([...ANY_STATE, ...FLOW, ...FAULTS, 'Branches', 'Arguments']),
  Map: new Set([...ANY_STATE, ...FLOW, ...FAULTS, 'Items', 'ItemSelector', 'ItemProcessor', 'MaxConcurrency']),
};

/** Fields of the other query language: their message says so, because they are the likeliest mistake. */
export const JSONPATH_FIELDS = new Set([
  ...['InputPath', 'OutputPath', 'ResultPath', 'Parameters', 'ResultSelector', 'Result', 'ItemsPath', 'SecondsPath', 'TimestampPath'],
  ...['TimeoutSecondsPath', 'HeartbeatSecondsPath', 'ErrorPath', 'CausePath', 'MaxConcurrencyPath', 'Variable'],
]);

/** Fields that AWS knows and this engine does not run. */
export const UNSUPPORTED_FIELDS = new Set([
  ...['Credentials', 'ItemReader', 'ItemBatcher', 'ResultWriter', 'Label', 'Iterator'],
  ...['ToleratedFailureCount', 'ToleratedFailurePercentage'],
]);

export const MACHINE_FIELDS = new Set(['Comment', 'QueryLanguage', 'StartAt', 'States', 'TimeoutSeconds', 'Version']);
export const BRANCH_FIELDS = new Set(['Comment', 'StartAt', 'States', 'ProcessorConfig', 'QueryLanguage']);
export const RETRY_FIELDS = new Set([
  ...['ErrorEquals', 'IntervalSeconds', 'BackoffRate', 'MaxAttempts', 'MaxDelaySeconds', 'JitterStrategy', 'Comment'],
]);
export const CATCH_FIELDS = new Set(['ErrorEquals', 'Next', 'Assign', 'Output', 'Comment']);
export const CHOICE_FIELDS = new Set(['Condition', 'Next', 'Assign', 'Output', 'Comment']);
export const INVOKE_ARGUMENTS = new Set(['FunctionName', 'Payload', 'Qualifier', 'InvocationType']);

/** Types after which the execution always goes somewhere: they need `Next` or `End`. */
export const FLOW_TYPES = new Set(['Task', 'Pass', 'Wait', 'Parallel', 'Map']);
