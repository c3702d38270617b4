/** The EventBridge event that Step Functions sends when an execution starts or ends. */
import type { BusEvent } from '../service.ts';
import type { Closing, ExecutionHeader } from './execution-record.ts';

/** Makes the event; without `close` the execution has just started. Dates are milliseconds since the epoch, as AWS sends them. */
export function statusChange(header: ExecutionHeader, close: Closing | undefined): BusEvent {
  return {
    source: 'aws.states',
    detailType: 'Step Functions Execution Status Change',
    resources: [header.arn],
    detail: {
      executionArn: header.arn,
      stateMachineArn: header.machineArn,
      stateMachineVersionArn: null,
      stateMachineAliasArn: null,
      redriveCount: 0,
      redriveDate: null,
      redriveStatus: 'NOT_REDRIVABLE',
      redriveStatusReason: null,
      name: header.name,
      status: close?.status ?? 'RUNNING',
      startDate: header.startDate,
      stopDate: close?.stopDate ?? null,
      input: header.input,
      inputDetails: { included: true },
      output: close?.output ?? null,
      outputDetails: close?.output === undefined ? null : { included: true },
      error: close?.error ?? null,
      cause: close?.cause ?? null,
    },
  };
}
