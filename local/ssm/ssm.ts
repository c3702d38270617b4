/**
 * The local SSM Parameter Store: String, StringList and SecureString parameters with versions. SecureString values are kept in files of mode 0600,
 * not encrypted by a key. Not supported, and answered as unknown operations: history, labels, policies, and all of SSM besides parameters.
 */
import type { CloudContext, IamCheck, LocalService, ResourceProvider, ServiceRequest, ServiceResponse } from '../service.ts';
import { type Input, Parameters, SsmError } from './parameters.ts';

const TARGET = 'AmazonSSM.';

/** Opens the parameters kept under `context.folder`. */
export function createSsm(context: CloudContext): LocalService {
  const parameters = new Parameters(context);
  const operations: Record<string, (input: Input) => unknown> = {
    GetParameter: (input) => ({ Parameter: parameters.shown(String(input.Name), input) }),
    GetParameters: (input) => parameters.several(input),
    GetParametersByPath: (input) => parameters.below(input),
    PutParameter: (input) => parameters.put(input),
    DescribeParameters: (input) => parameters.describe(input),
    DeleteParameter: (input) => parameters.delete(String(input.Name)),
  };
  const provide: ResourceProvider = async ({ properties, defaultName }) => {
    const name = String(properties.Name ?? defaultName);
    parameters.declare(name, properties);
    return { ref: name, attributes: { Type: String(properties.Type), Value: String(properties.Value) } };
  };
  const operationOf = (request: ServiceRequest) => (request.headers['x-amz-target'] ?? '').replace(TARGET, '');
  return {
    name: 'ssm',
    scopes: ['ssm'],
    resources: { 'AWS::SSM::Parameter': provide },
    operation: operationOf,
    checks: (request) => checksOf(operationOf(request), inputOf(request), (name) => parameters.arn(name)),
    async handle(request) {
      const operation = operationOf(request);
      try {
        const run = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
        if (run) return json(200, run(inputOf(request)));
        context.log('SSM operation is not supported', { operation });
        throw new SsmError('UnknownOperationException', `The local Parameter Store does not support ${operation}`);
      } catch (error) {
        if (error instanceof SsmError) return json(400, { __type: error.code, message: error.message });
        throw error;
      }
    },
    errorResponse: (_request, { status, code, message }) => json(status, { __type: code, message }),
  };
}

const json = (status: number, body: unknown): ServiceResponse => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.1' },
  body: JSON.stringify(body),
});

/** A body that is no object counts as empty: the operation then misses what it needs. */
function inputOf(request: ServiceRequest): Input {
  try {
    const input: unknown = JSON.parse(request.body.toString() || '{}');
    return typeof input === 'object' && input !== null && !Array.isArray(input) ? (input as Input) : {};
  } catch {
    return {};
  }
}

function checksOf(operation: string, input: Input, arn: (name: string) => string): IamCheck[] {
  const action = `ssm:${operation}`;
  const arnOf = (name: string) => (name.startsWith('arn:') ? name : arn(name)).replace(/:\d+$/, '');
  if (operation === 'DescribeParameters') return [{ action, resource: '*' }];
  if (operation === 'GetParameters' && Array.isArray(input.Names) && input.Names.length > 0) {
    return input.Names.map((name) => ({ action, resource: arnOf(String(name)) }));
  }
  if (operation === 'GetParametersByPath') {
    return [
      {
        action,
        resource: arnOf(String(input.Path ?? '').replace(/(?<=.)\/$/, '')),
        context: { 'ssm:Recursive': String(input.Recursive === true) },
      },
    ];
  }
  return [{ action, resource: arnOf(String(input.Name ?? '')) }];
}
