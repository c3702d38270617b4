/** API operations on executions and task tokens. */
import { randomUUID } from 'node:crypto';
import { executionId } from './closed-executions.ts';
import type { Engine, ExecutionView } from './engine.ts';
import type { HistoryEvent, Outcome } from './execution-record.ts';
import { DATA_LIMIT } from './failures.ts';
import { type Operation, requireMachine } from './machine-operations.ts';
import type { Machines } from './machines.ts';
import { ApiError, optionalText, page, seconds, text } from './wire.ts';

type Input = Record<string, unknown>;

const STATUSES = new Set(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE']);
/** Fields of event details that hold data of the execution. */
const DATA_FIELDS = ['input', 'output', 'parameters', 'assignedVariables'];

/** Operations by name. They throw ApiError. */
export function executionOperations(machines: Machines, engine: Engine): Record<string, Operation> {
  return {
    async StartExecution(input) {
      const machine = requireMachine(machines, text(input, 'stateMachineArn'));
      if (machine.status === 'DELETING') throw new ApiError('StateMachineDeleting', `State Machine is being deleted: '${machine.arn}'`);
      const name = optionalText(input, 'name', 80) ?? randomUUID();
      // AWS forbids white space, brackets, wildcards, control characters and a few more; the name becomes part of an ARN.
      if (name === '' || /[\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}]/u.test(name)) throw new ApiError('InvalidName', `Invalid Name: '${name}'`);
      const payload = optionalText(input, 'input', DATA_LIMIT) ?? '{}';
      if (!isJson(payload)) throw new ApiError('InvalidExecutionInput', "Invalid State Machine Execution Input: 'the input is not JSON'");
      const arn = machine.arn.replace(':stateMachine:', ':execution:').concat(':', name);
      const running = engine.open(executionId(arn));
      if (running ?? engine.closed.get(executionId(arn))) {
        if (!running || running.close || running.header.input !== payload) {
          throw new ApiError('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
        }
        await running.flush();
      }
      const { header } = running ?? (await engine.start(machine, arn, name, payload));
      return { executionArn: arn, startDate: seconds(header.startDate) };
    },

    async StopExecution(input) {
      const view = requireExecution(engine, input);
      const running = engine.open(view.header.id);
      // A second stop answers with the date of the first.
      const error = optionalText(input, 'error', 256);
      const cause = optionalText(input, 'cause', 32_768);
      if (running && !running.close) await engine.stop(running, error, cause);
      else await running?.flush();
      return { stopDate: seconds((running?.close ?? view.close)!.stopDate) };
    },

    DescribeExecution(input) {
      return describe(requireExecution(engine, input), input.includedData === 'METADATA_ONLY');
    },

    DescribeStateMachineForExecution(input) {
      const { header } = requireExecution(engine, input);
      const machine = machines.get(header.machineArn);
      return {
        stateMachineArn: header.machineArn,
        name: header.machineName,
        roleArn: header.roleArn,
        definition: JSON.stringify(machines.definition(header.definition)),
        updateDate: seconds(machine?.creationDate ?? header.startDate),
        ...(machine?.revisionId === undefined ? {} : { revisionId: machine.revisionId }),
      };
    },

    ListExecutions(input) {
      const arn = text(input, 'stateMachineArn');
      requireMachine(machines, arn);
      const filter = optionalText(input, 'statusFilter');
      if (filter !== undefined && !STATUSES.has(filter))
        throw new ApiError('ValidationException', `statusFilter is one of ${[...STATUSES].join(', ')}`);
      const running = engine
        .openOfMachine(arn)
        .filter((execution) => execution.events.length > 0)
        .map(({ header, visibleClose }) => ({ ...header, status: visibleClose?.status ?? 'RUNNING', stopDate: visibleClose?.stopDate }));
      const all = [...running, ...engine.closed.ofMachine(arn)]
        .filter((execution) => filter === undefined || execution.status === filter)
        .sort((a, b) => b.startDate - a.startDate || (a.id < b.id ? -1 : 1));
      const { items, nextToken } = page(input, all);
      const executions = items.map((execution) => ({
        executionArn: execution.arn,
        stateMachineArn: arn,
        name: execution.name,
        status: execution.status,
        startDate: seconds(execution.startDate),
        ...(execution.stopDate === undefined ? {} : { stopDate: seconds(execution.stopDate) }),
        redriveCount: 0,
      }));
      return { executions, nextToken };
    },

    GetExecutionHistory(input) {
      const { events } = requireExecution(engine, input);
      const { items, nextToken } = page(input, input.reverseOrder === true ? [...events].reverse() : events);
      return { events: items.map((event) => historyEvent(event, input.includeExecutionData !== false)), nextToken };
    },

    async SendTaskSuccess(input) {
      const token = text(input, 'taskToken');
      const output = optionalText(input, 'output', DATA_LIMIT);
      if (output === undefined || !isJson(output)) throw new ApiError('InvalidOutput', "Invalid Output: 'the output is not JSON'");
      return complete(engine, token, { result: JSON.parse(output) });
    },

    async SendTaskFailure(input) {
      const failure = { error: optionalText(input, 'error', 256), cause: optionalText(input, 'cause', 32_768) };
      return complete(engine, text(input, 'taskToken'), { failure });
    },

    async SendTaskHeartbeat(input) {
      const token = text(input, 'taskToken');
      if (!(await engine.heartbeat(token))) throw notPending(engine, token);
      return {};
    },
  };
}

async function complete(engine: Engine, token: string, outcome: Outcome): Promise<unknown> {
  if (!(await engine.complete(token, outcome))) throw notPending(engine, token);
  return {};
}

/** A token that was made here and is not pending was used, has timed out, or its execution has ended. */
function notPending(engine: Engine, token: string): ApiError {
  return engine.tokens.executionId(token) === undefined
    ? new ApiError('InvalidToken', 'Invalid Token: the token was not made by this state machine service')
    : new ApiError('TaskTimedOut', "Task Timed Out: 'Provided task does not exist anymore'");
}

function requireExecution(engine: Engine, input: Input): ExecutionView {
  const arn = text(input, 'executionArn');
  if (!/^arn:aws[a-z-]*:states:[^:]*:\d{12}:execution:[^:]+:[^:]+$/.test(arn)) throw new ApiError('InvalidArn', `Invalid Arn: '${arn}'`);
  const view = engine.view(arn);
  if (!view) throw new ApiError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
  return view;
}

function describe({ header, close }: ExecutionView, metadataOnly: boolean): unknown {
  const data = { input: header.input, inputDetails: { included: true }, ...(close?.output === undefined ? {} : { output: close.output }) };
  return {
    executionArn: header.arn,
    stateMachineArn: header.machineArn,
    name: header.name,
    status: close?.status ?? 'RUNNING',
    startDate: seconds(header.startDate),
    ...(close ? { stopDate: seconds(close.stopDate) } : {}),
    ...(metadataOnly ? {} : data),
    ...(!metadataOnly && close?.output !== undefined ? { outputDetails: { included: true } } : {}),
    ...(close?.error === undefined ? {} : { error: close.error }),
    ...(close?.cause === undefined ? {} : { cause: close.cause }),
    redriveCount: 0,
    redriveStatus: 'NOT_REDRIVABLE',
    redriveStatusReason: 'The local engine does not redrive executions',
  };
}

function historyEvent(event: HistoryEvent, includeData: boolean): unknown {
  const shown: Record<string, unknown> = { ...event, timestamp: seconds(event.timestamp) };
  if (includeData) return shown;
  for (const [field, details] of Object.entries(shown)) {
    if (typeof details !== 'object' || details === null) continue;
    shown[field] = Object.fromEntries(Object.entries(details).filter(([name]) => !DATA_FIELDS.includes(name)));
  }
  return shown;
}

function isJson(content: string): boolean {
  try {
    JSON.parse(content);
    return true;
  } catch {
    return false;
  }
}
