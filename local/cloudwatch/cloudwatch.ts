/** CloudWatch: alarms exist and can be listed. They never fire: the local cloud keeps no metrics. */
import type { CloudContext, LocalService, ServiceRequest, ServiceResponse } from '../service.ts';

/** `AWS::CloudWatch::Alarm`, `DescribeAlarms` (JSON protocol). Alarms are read from the templates at each start. */
export function createCloudWatch(context: CloudContext): LocalService {
  const alarms = new Map<string, Record<string, unknown>>();
  const operation = (request: ServiceRequest): string => {
    const form = new URLSearchParams(request.body.toString('latin1'));
    return request.headers['x-amz-target']?.split('.')[1] ?? form.get('Action') ?? request.url.pathname.split('/').at(-1) ?? 'Unknown';
  };
  return {
    name: 'cloudwatch',
    scopes: ['monitoring'],
    resources: {
      'AWS::CloudWatch::Alarm': async ({ properties, defaultName }) => {
        for (const name of ['ComparisonOperator', 'EvaluationPeriods']) {
          if (properties[name] === undefined) throw new Error(`the property ${name} is missing`);
        }
        if (properties.MetricName === undefined && properties.Metrics === undefined) throw new Error('MetricName or Metrics is needed');
        const name = (properties.AlarmName as string | undefined) ?? defaultName;
        const arn = `arn:aws:cloudwatch:${context.region}:${context.account}:alarm:${name}`;
        alarms.set(name, { ...properties, AlarmName: name, AlarmArn: arn, StateValue: 'INSUFFICIENT_DATA' });
        return { ref: name, attributes: { Arn: arn } };
      },
    },
    operation,
    checks: (request) => [
      { action: `cloudwatch:${operation(request)}`, resource: `arn:aws:cloudwatch:${context.region}:${context.account}:alarm:*` },
    ],
    handle: async (request) => {
      if (operation(request) === 'DescribeAlarms' && request.headers['x-amz-target'] !== undefined) {
        return answer(200, { MetricAlarms: [...alarms.values()], CompositeAlarms: [] });
      }
      context.log('unsupported operation', { operation: operation(request) });
      return answer(400, { __type: 'InvalidAction', message: `The local cloud does not support cloudwatch:${operation(request)}` });
    },
    errorResponse: (_request, { status, code, message }) => answer(status, { __type: code, message }),
  };
}

function answer(status: number, value: unknown): ServiceResponse {
  return { status, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: JSON.stringify(value) };
}
