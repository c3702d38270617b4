/** CloudWatch Logs: log groups exist and can be listed. What functions print goes to the output of the local cloud, not into groups. */
import type { CloudContext, LocalService, ServiceRequest, ServiceResponse } from '../service.ts';

interface LogGroup {
  logGroupName: string;
  arn: string;
  logGroupClass: string;
  retentionInDays?: number;
  kmsKeyId?: string;
}

const KNOWN = new Set(['LogGroupName', 'RetentionInDays', 'KmsKeyId', 'LogGroupClass', 'Tags', 'DeletionProtectionEnabled']);

/** `AWS::Logs::LogGroup`, `DescribeLogGroups`. Groups are read from the templates at each start. */
export function createLogs(context: CloudContext): LocalService {
  const groups = new Map<string, LogGroup>();
  const operation = (request: ServiceRequest): string => request.headers['x-amz-target']?.split('.')[1] ?? 'Unknown';
  return {
    name: 'logs',
    scopes: ['logs'],
    resources: {
      'AWS::Logs::LogGroup': async ({ properties, defaultName }) => {
        const unknown = Object.keys(properties).find((name) => !KNOWN.has(name));
        if (unknown) throw new Error(`the property ${unknown} is not supported by the local cloud`);
        const name = (properties.LogGroupName as string | undefined) ?? defaultName;
        const arn = `arn:aws:logs:${context.region}:${context.account}:log-group:${name}:*`;
        groups.set(name, {
          logGroupName: name,
          arn,
          logGroupClass: (properties.LogGroupClass as string | undefined) ?? 'STANDARD',
          ...(properties.RetentionInDays === undefined ? {} : { retentionInDays: Number(properties.RetentionInDays) }),
          ...(properties.KmsKeyId === undefined ? {} : { kmsKeyId: String(properties.KmsKeyId) }),
        });
        return { ref: name, attributes: { Arn: arn } };
      },
    },
    operation,
    checks: (request) => [
      { action: `logs:${operation(request)}`, resource: `arn:aws:logs:${context.region}:${context.account}:log-group::log-stream:` },
    ],
    handle: async (request) => {
      if (operation(request) !== 'DescribeLogGroups') {
        context.log('unsupported operation', { operation: operation(request) });
        return refuse(400, 'UnknownOperationException', `The local cloud does not support logs:${operation(request)}`);
      }
      const { logGroupNamePrefix: prefix = '' } = JSON.parse(request.body.toString() || '{}') as { logGroupNamePrefix?: string };
      const logGroups = [...groups.values()].filter(({ logGroupName }) => logGroupName.startsWith(prefix));
      return answer(200, { logGroups: logGroups.sort((a, b) => (a.logGroupName < b.logGroupName ? -1 : 1)) });
    },
    errorResponse: (_request, { status, code, message }) => refuse(status, code, message),
  };
}

function refuse(status: number, code: string, message: string): ServiceResponse {
  return answer(status, { __type: code, message });
}

function answer(status: number, value: unknown): ServiceResponse {
  return { status, headers: { 'content-type': 'application/x-amz-json-1.1' }, body: JSON.stringify(value) };
}
